//! Heads of requests and answers, passed on as they are but for what a fault changes.

use std::io::{BufRead, Error, ErrorKind, Result};

/// A head: its lines without their ends.
#[derive(Clone, Debug)]
pub(super) struct Head {
    lines: Vec<Vec<u8>>,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; often none.
    Length(u64),
    /// Chunks, the last one empty.
    Chunked,
    /// The connection ends.
    UntilClosed,
}

impl Head {
    /// The next head; none when the peer closed instead.
    pub(super) fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            match read_line(from)? {
                None if lines.is_empty() => return Ok(None),
                None => return Err(ErrorKind::UnexpectedEof.into()),
                // Some clients end a body with an empty line that belongs to nothing.
                Some(line) if line.is_empty() && lines.is_empty() => {}
                Some(line) if line.is_empty() => return Ok(Some(Self { lines })),
                Some(line) => lines.push(line),
            }
        }
    }

    /// The first line's word number `number`.
    pub(super) fn word(&self, number: usize) -> String {
        let line = String::from_utf8_lossy(&self.lines[0]).into_owned();
        line.split(' ').nth(number).unwrap_or_default().to_owned()
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> Result<u16> {
        let status = self.word(1).parse();
        status.map_err(|_| Error::new(ErrorKind::InvalidData, "an answer without a status"))
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let line = self.lines.iter().skip(1).find(|line| names(line, name))?;
        let value = String::from_utf8_lossy(&line[name.len() + 1..]).into_owned();
        Some(value.trim().to_owned())
    }

    /// Gives a header a value, in its place if there is one.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let line = format!("{name}: {value}").into_bytes();
        match self.lines.iter().skip(1).position(|line| names(line, name)) {
            Some(at) => self.lines[at + 1] = line,
            None => self.lines.push(line),
        }
    }

    /// Whether the connection ends with this message.
    pub(super) fn closes(&self) -> bool {
        let said = self.header("Connection").unwrap_or_default();
        let old = self.lines[0].ends_with(b"HTTP/1.0") || self.lines[0].starts_with(b"HTTP/1.0");
        said.eq_ignore_ascii_case("close") || (old && !said.eq_ignore_ascii_case("keep-alive"))
    }

    /// How the end of a request's body is known.
    pub(super) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::Length(0))
    }

    /// How the end of the answer's body is known; `to_head`: it answers a HEAD.
    pub(super) fn answer_framing(&self, to_head: bool, status: u16) -> Framing {
        if to_head || status < 200 || matches!(status, 204 | 304) {
            return Framing::Length(0);
        }
        self.framing().unwrap_or(Framing::UntilClosed)
    }

    fn framing(&self) -> Option<Framing> {
        if let Some(coding) = self.header("Transfer-Encoding")
            && coding.to_ascii_lowercase().ends_with("chunked")
        {
            return Some(Framing::Chunked);
        }
        let length = self.header("Content-Length")?;
        length.parse().ok().map(Framing::Length)
    }

    /// The head as it travels.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.lines.join(&b"\r\n"[..]);
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }
}

/// A line without its end; none at the end of the connection.
pub(super) fn read_line(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

fn names(line: &[u8], name: &str) -> bool {
    let Some((given, rest)) = line.split_at_checked(name.len()) else {
        return false;
    };
    given.eq_ignore_ascii_case(name.as_bytes()) && rest.first() == Some(&b':')
}
