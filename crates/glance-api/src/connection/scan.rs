//! How far a head has been read: finds its end and its limits without reading it twice.

use std::rc::Rc;

use super::{head::Head, refusal::Refusal};

/// All header lines together, as in Glance's WSGI server.
const HEADERS: usize = 64 * 1024;

/// Where the search for the end of a head stands.
#[derive(Debug, Default)]
pub(super) struct Scan {
    scanned: usize,
    line_start: usize,
    /// The length of the request line, once it is complete.
    first: Option<usize>,
}

impl Scan {
    /// How many line ends come before the head: RFC 9112 section 2.2 has them ignored.
    pub(super) fn blank(&self, bytes: &[u8]) -> usize {
        if self.scanned > 0 {
            return 0;
        }
        bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count()
    }

    /// The head that `bytes` begins with, and its length; `None` if there must be more bytes.
    ///
    /// `bytes` must begin with those of the call before.
    pub(super) fn look(
        &mut self,
        bytes: &[u8],
        max_line: usize,
    ) -> Result<Option<(Rc<Head>, usize)>, Refusal> {
        if bytes.len() == self.scanned {
            return Ok(None);
        }
        if self.scanned == 0 {
            if !is_token(bytes[0]) {
                return Err(Refusal::BadRequestLine);
            }
            // The usual head comes at once, and is too short to be longer than anything.
            if bytes.len() <= max_line
                && let Some(head) = Head::parse(bytes)?
            {
                return Ok(Some(head));
            }
        }
        while let Some(found) = bytes[self.scanned..].iter().position(|byte| *byte == b'\n') {
            let end = self.scanned + found + 1;
            let line = &bytes[self.line_start..end];
            self.check(end, max_line)?;
            self.scanned = end;
            self.line_start = end;
            match self.first {
                None => {
                    self.first = Some(end);
                    // A bad request line is not worth waiting for its headers.
                    Head::parse(line)?;
                }
                Some(_) if matches!(line, b"\n" | b"\r\n") => {
                    return match Head::parse(&bytes[..end])? {
                        Some((head, length)) if length == end => Ok(Some((head, length))),
                        _ => Err(Refusal::BadHeader),
                    };
                }
                Some(_) => {}
            }
        }
        self.scanned = bytes.len();
        self.check(bytes.len(), max_line)?;
        Ok(None)
    }

    /// Holds the line that reaches to `end`, finished or not, and all lines to their limits.
    fn check(&self, end: usize, max_line: usize) -> Result<(), Refusal> {
        let line = end - self.line_start;
        match self.first {
            None if line > max_line => Err(Refusal::RequestLineTooLong),
            Some(_) if line > max_line => Err(Refusal::HeaderLineTooLong),
            Some(first) if end - first > HEADERS => Err(Refusal::HeadersTooLarge),
            _ => Ok(()),
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 16_384;

    #[test]
    fn finds_the_same_head_wherever_the_bytes_are_split() {
        let bytes = b"GET /v1 HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\nGET";
        for split in 1..bytes.len() {
            let mut scan = Scan::default();
            let found = match scan.look(&bytes[..split], MAX).unwrap() {
                Some(found) => Some(found),
                None => scan.look(bytes, MAX).unwrap(),
            };
            assert_eq!(found.unwrap().1, bytes.len() - 3, "{split}");
        }
    }

    #[test]
    fn holds_heads_to_their_limits_before_they_are_complete() {
        let look = |bytes: String| Scan::default().look(bytes.as_bytes(), MAX).err();
        let long = "a".repeat(20_000);
        assert_eq!(
            look(format!("GET /{long}")),
            Some(Refusal::RequestLineTooLong)
        );
        assert_eq!(
            look(format!("GET / HTTP/1.1\r\nA: {long}")),
            Some(Refusal::HeaderLineTooLong)
        );
        let many = format!("A: {}\r\n", "a".repeat(16_000)).repeat(5);
        assert_eq!(
            look(format!("GET / HTTP/1.1\r\n{many}")),
            Some(Refusal::HeadersTooLarge)
        );
        let some = "A: b\r\n".repeat(1_025);
        assert_eq!(
            look(format!("GET / HTTP/1.1\r\n{some}\r\n")),
            Some(Refusal::TooManyHeaders)
        );
        assert_eq!(look("GARBAGE\r\n".into()), Some(Refusal::BadRequestLine));
        assert_eq!(look("\x16\x03\x01".into()), Some(Refusal::BadRequestLine));
        assert_eq!(look("GET / HTTP/1.1\r\nA: b".into()), None);
    }
}
