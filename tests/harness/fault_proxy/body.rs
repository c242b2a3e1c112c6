//! A body on its way through, a piece at a time, and what a fault makes of it.

use std::collections::VecDeque;
use std::io::{BufRead, ErrorKind, Result, Write};

use super::fault::Trouble;
use super::head::{Framing, read_line};

/// Bytes that are on their way at once.
const PIECE: usize = 64 * 1024;

/// How a body's way through ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it was passed on.
    Whole,
    /// A fault wants no more to come, the connection to stay.
    Stalled,
    /// A fault wants the receiver's connection to be closed.
    Cut,
    /// A fault wants the receiver's connection to be reset.
    Reset,
    /// The sender broke off.
    SenderGone,
    /// The receiver takes no more.
    ReceiverGone,
}

/// Passes a body on, with what `trouble` makes of it. What drips ends with a reset when it `is_over`.
pub(super) fn pass(
    from: &mut impl BufRead,
    to: &mut impl Write,
    framing: Framing,
    trouble: Option<Trouble>,
    is_over: &dyn Fn() -> bool,
) -> End {
    let mut source = Source::new(from, framing);
    let mut way = Way::new(trouble);
    loop {
        let Ok(piece) = source.piece() else {
            return End::SenderGone;
        };
        if piece.is_empty() {
            break;
        }
        let (piece, end) = way.through(piece);
        let sent = match trouble {
            Some(Trouble::Drip(bytes, pause)) => {
                let mut drops = piece.chunks(bytes.max(1));
                drops.try_for_each(|drop| {
                    std::thread::sleep(pause);
                    match is_over() {
                        true => Err(ErrorKind::TimedOut.into()),
                        false => send(to, framing, drop),
                    }
                })
            }
            _ => send(to, framing, &piece),
        };
        match sent {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return End::Reset,
            Err(_) => return End::ReceiverGone,
        }
        if let Some(end) = end {
            return end;
        }
    }
    let finished = send(to, framing, &way.rest())
        .and_then(|()| finish(to, framing, &source.trailers, trouble));
    match finished {
        Ok(()) => End::Whole,
        Err(_) => End::ReceiverGone,
    }
}

/// Reads a body and drops it; whether it came whole.
pub(super) fn drop_all(from: &mut impl BufRead, framing: Framing) -> bool {
    let nowhere = &mut std::io::sink();
    pass(from, nowhere, framing, None, &|| false) == End::Whole
}

/// Where pieces come from.
struct Source<'a, R> {
    from: &'a mut R,
    framing: Framing,
    /// What is left of the body, or of a chunk.
    left: u64,
    ended: bool,
    trailers: Vec<u8>,
}

impl<'a, R: BufRead> Source<'a, R> {
    fn new(from: &'a mut R, framing: Framing) -> Self {
        let left = match framing {
            Framing::Length(length) => length,
            Framing::Chunked => 0,
            Framing::UntilClosed => u64::MAX,
        };
        Self {
            from,
            framing,
            left,
            ended: false,
            trailers: Vec::new(),
        }
    }

    /// What is there, waiting for some of it; nothing at the end.
    fn piece(&mut self) -> Result<Vec<u8>> {
        if self.left == 0 && self.framing == Framing::Chunked && !self.ended {
            self.begin_chunk()?;
        }
        if self.left == 0 {
            return Ok(Vec::new());
        }
        let there = self.from.fill_buf()?;
        if there.is_empty() {
            if self.framing == Framing::UntilClosed {
                return Ok(Vec::new());
            }
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX);
        let piece = there[..count.min(there.len()).min(PIECE)].to_vec();
        self.from.consume(piece.len());
        if self.framing != Framing::UntilClosed {
            self.left -= piece.len() as u64;
        }
        if self.left == 0 && self.framing == Framing::Chunked {
            self.from.read_exact(&mut [0; 2])?;
        }
        Ok(piece)
    }

    fn begin_chunk(&mut self) -> Result<()> {
        let line = read_line(self.from)?.ok_or(ErrorKind::UnexpectedEof)?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let digits = text.split(';').next().unwrap_or_default().trim();
        self.left = u64::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
        if self.left > 0 {
            return Ok(());
        }
        self.ended = true;
        loop {
            let line = read_line(self.from)?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(());
            }
            self.trailers.extend_from_slice(&line);
            self.trailers.extend_from_slice(b"\r\n");
        }
    }
}

/// What becomes of pieces.
struct Way {
    trouble: Option<Trouble>,
    /// Bytes that were passed on.
    passed: u64,
    /// What may have to be missing at the end.
    held: VecDeque<u8>,
}

impl Way {
    fn new(trouble: Option<Trouble>) -> Self {
        Self {
            trouble,
            passed: 0,
            held: VecDeque::new(),
        }
    }

    /// What is passed on of a piece, and whether that was all.
    fn through(&mut self, mut piece: Vec<u8>) -> (Vec<u8>, Option<End>) {
        let begin = self.passed;
        let mut ended = None;
        match self.trouble {
            Some(Trouble::Stall(at)) => ended = self.until(at, &mut piece, End::Stalled),
            Some(Trouble::Reset(at)) => ended = self.until(at, &mut piece, End::Reset),
            Some(Trouble::Cut(at)) => ended = self.until(at, &mut piece, End::Cut),
            Some(Trouble::Flip(at)) => {
                let place = at
                    .checked_sub(begin)
                    .and_then(|at| usize::try_from(at).ok());
                if let Some(byte) = place.and_then(|place| piece.get_mut(place)) {
                    *byte ^= 1;
                }
            }
            Some(Trouble::Shorter(bytes)) => {
                self.held.extend(piece);
                let held = usize::try_from(bytes).unwrap_or(usize::MAX);
                let free = self.held.len().saturating_sub(held);
                piece = self.held.drain(..free).collect();
            }
            Some(Trouble::Drip(..) | Trouble::Longer(_) | Trouble::Trailing(_)) | None => {}
        }
        self.passed += piece.len() as u64;
        (piece, ended)
    }

    fn until(&self, at: u64, piece: &mut Vec<u8>, end: End) -> Option<End> {
        let room = usize::try_from(at.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        if piece.len() < room {
            return None;
        }
        piece.truncate(room);
        Some(end)
    }

    /// What there is at the end although it did not come.
    fn rest(&self) -> Vec<u8> {
        match self.trouble {
            Some(Trouble::Longer(bytes)) => extra(bytes),
            _ => Vec::new(),
        }
    }
}

fn extra(bytes: u64) -> Vec<u8> {
    b"x".repeat(usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn send(to: &mut impl Write, framing: Framing, piece: &[u8]) -> Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    if framing != Framing::Chunked {
        return to.write_all(piece);
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    to.write_all(&chunk)
}

fn finish(
    to: &mut impl Write,
    framing: Framing,
    trailers: &[u8],
    trouble: Option<Trouble>,
) -> Result<()> {
    if framing == Framing::Chunked {
        to.write_all(&[b"0\r\n", trailers, b"\r\n"].concat())?;
    }
    match trouble {
        Some(Trouble::Trailing(bytes)) => to.write_all(&extra(bytes)),
        _ => Ok(()),
    }
}
