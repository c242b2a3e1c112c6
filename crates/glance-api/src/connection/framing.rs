//! Where a request body ends, found without looking at more than its framing.

/// A chunk-size line with its extensions may be this long.
const CHUNK_LINE: u32 = 4 * 1024;
/// All trailers of a body together may be this long.
const TRAILERS: u32 = 8 * 1024;

/// How far into a body its bytes have been followed.
#[derive(Debug, Clone)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks are still to come.
    Chunked(Chunks),
}

/// What [`Framing::advance`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// So many bytes belong to the coding.
    pub(super) framing: usize,
    /// So many after them are the body's own.
    pub(super) data: usize,
    /// The body ends there.
    pub(super) done: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Chunks {
    place: Place,
    /// Bytes left of the chunk.
    size: u64,
    /// Bytes seen of the chunk-size line, or of the trailers.
    line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    SizeFirst,
    Size,
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    LineStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl Framing {
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunks {
            place: Place::SizeFirst,
            size: 0,
            line: 0,
        })
    }

    /// Follows the framing over the next bytes from the peer, up to the end of the first of the
    /// body's own; `None` if that is not a body.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<Step> {
        match self {
            Self::Length(left) => {
                let data = within(*left, bytes.len());
                *left -= data as u64;
                Some(Step {
                    framing: 0,
                    data,
                    done: *left == 0,
                })
            }
            Self::Chunked(chunks) => chunks.advance(bytes),
        }
    }
}

impl Chunks {
    fn advance(&mut self, bytes: &[u8]) -> Option<Step> {
        let mut framing = 0;
        while framing < bytes.len() && self.place != Place::Data && self.place != Place::End {
            self.place = self.next(bytes[framing])?;
            framing += 1;
        }
        let mut data = 0;
        if self.place == Place::Data {
            data = within(self.size, bytes.len() - framing);
            self.size -= data as u64;
            if self.size == 0 {
                self.place = Place::DataCr;
            }
        }
        Some(Step {
            framing,
            data,
            done: self.place == Place::End,
        })
    }

    /// The grammar of RFC 9112 section 7.1, and nothing beyond it: if a proxy before us and this
    /// disagreed about the end of a body, its last bytes could pass for a request.
    fn next(&mut self, byte: u8) -> Option<Place> {
        self.line += 1;
        match (self.place, byte) {
            (Place::SizeFirst, _) => {
                self.size = digit(byte)?;
                self.line = 1;
                Some(Place::Size)
            }
            (Place::Size | Place::Padding | Place::Extension, b'\r') => Some(Place::SizeLf),
            (Place::Size | Place::Padding | Place::Extension, _) if self.line >= CHUNK_LINE => None,
            (Place::Size | Place::Padding, b';') => Some(Place::Extension),
            (Place::Size | Place::Padding, b' ' | b'\t') => Some(Place::Padding),
            (Place::Size, _) => {
                self.size = self.size.checked_mul(16)?.checked_add(digit(byte)?)?;
                Some(Place::Size)
            }
            (Place::Extension, b' '..=b'~' | 0x80..) => Some(Place::Extension),
            (Place::SizeLf, b'\n') if self.size > 0 => Some(Place::Data),
            (Place::SizeLf, b'\n') => {
                self.line = 0;
                Some(Place::LineStart)
            }
            (Place::DataCr, b'\r') => Some(Place::DataLf),
            (Place::DataLf, b'\n') => Some(Place::SizeFirst),
            (Place::LineStart, b'\r') => Some(Place::EndLf),
            (Place::Trailer, b'\r') => Some(Place::TrailerLf),
            (Place::LineStart | Place::Trailer, _) if self.line > TRAILERS => None,
            (Place::LineStart, b'!'..=b'~') => Some(Place::Trailer),
            (Place::Trailer, b'\t' | b' '..=b'~' | 0x80..) => Some(Place::Trailer),
            (Place::TrailerLf, b'\n') => Some(Place::LineStart),
            (Place::EndLf, b'\n') => Some(Place::End),
            _ => None,
        }
    }
}

/// How many of `left` bytes there are among `count`.
fn within(left: u64, count: usize) -> usize {
    usize::try_from(left).map_or(count, |left| left.min(count))
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of `bytes` is the body's own, and how many bytes that took if it ends there.
    fn follow(framing: &mut Framing, bytes: &[u8]) -> Option<(Vec<u8>, Option<usize>)> {
        let (mut own, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let step = framing.advance(&bytes[at..])?;
            at += step.framing;
            own.extend(&bytes[at..at + step.data]);
            at += step.data;
            if step.done {
                return Some((own, Some(at)));
            }
        }
        Some((own, None))
    }

    fn whole(body: &str) -> Option<Vec<u8>> {
        follow(&mut Framing::chunked(), body.as_bytes()).map(|(own, _)| own)
    }

    #[test]
    fn finds_the_end_wherever_the_bytes_are_split() {
        let body = b"5;a=\"b\"\r\nhello\r\n1 \r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nGET /";
        let end = body.len() - 5;
        for split in 0..body.len() {
            let mut framing = Framing::chunked();
            let (mut own, done) = follow(&mut framing, &body[..split]).unwrap();
            assert_eq!(done, (split >= end).then_some(end));
            if done.is_none() {
                let (rest, done) = follow(&mut framing, &body[split..]).unwrap();
                assert_eq!(done, Some(end - split));
                own.extend(rest);
            }
            assert_eq!(own, b"hellox");
        }
    }

    #[test]
    fn counts_a_length_down() {
        let mut framing = Framing::Length(7);
        let first = framing.advance(b"12345");
        let expected = |data, done| {
            Some(Step {
                framing: 0,
                data,
                done,
            })
        };
        assert_eq!(first, expected(5, false));
        assert_eq!(framing.advance(b"67GET"), expected(2, true));
    }

    #[test]
    fn refuses_what_is_not_chunked() {
        for bad in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1\n",
            "1 2\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1;\x01\r\n",
            "1;a\nb\r\n",
            "0\r\n\n",
            "0\r\n A: b\r\n\r\n",
            "0\r\nA\nB\r\n\r\n",
            "10000000000000000\r\n",
        ] {
            assert!(whole(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn bounds_extensions_and_trailers() {
        assert!(whole(&format!("1;{}\r\na\r\n", "x".repeat(4_000))).is_some());
        assert!(whole(&format!("1;{}\r\na\r\n", "x".repeat(4_200))).is_none());
        assert!(whole(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(1_000))).is_some());
        assert!(whole(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(2_000))).is_none());
    }
}
