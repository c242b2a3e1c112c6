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
    /// So many of the bytes belong to the body.
    pub(super) used: usize,
    /// The body ends there.
    pub(super) done: bool,
}

/// The bytes before `used` were sound, what follows is not a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFraming {
    pub(super) used: usize,
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

    /// Follows the framing over the next bytes from the peer.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Step, BadFraming> {
        match self {
            Self::Length(left) => {
                let used = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= used as u64;
                Ok(Step {
                    used,
                    done: *left == 0,
                })
            }
            Self::Chunked(chunks) => chunks.advance(bytes),
        }
    }
}

impl Chunks {
    fn advance(&mut self, bytes: &[u8]) -> Result<Step, BadFraming> {
        let mut used = 0;
        while used < bytes.len() {
            if self.place == Place::Data {
                let rest = bytes.len() - used;
                let count = usize::try_from(self.size).map_or(rest, |size| size.min(rest));
                used += count;
                self.size -= count as u64;
                if self.size == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            self.place = self.next(bytes[used]).ok_or(BadFraming { used })?;
            used += 1;
            if self.place == Place::End {
                return Ok(Step { used, done: true });
            }
        }
        Ok(Step { used, done: false })
    }

    /// The grammar of RFC 9112 section 7.1, and stricter than actix's own decoder everywhere: if the
    /// two disagreed about the end of a body, its last bytes could pass for a request.
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

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(body: &str) -> Result<Step, BadFraming> {
        Framing::chunked().advance(body.as_bytes())
    }

    #[test]
    fn finds_the_end_wherever_the_bytes_are_split() {
        let body = b"5;a=\"b\"\r\nhello\r\n1 \r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nGET /";
        let end = body.len() - 5;
        for split in 0..body.len() {
            let mut framing = Framing::chunked();
            let first = framing.advance(&body[..split]).unwrap();
            assert_eq!(first.done, split >= end);
            if !first.done {
                let second = framing.advance(&body[split..]).unwrap();
                assert_eq!(
                    second,
                    Step {
                        used: end - split,
                        done: true
                    }
                );
            }
        }
    }

    #[test]
    fn counts_a_length_down() {
        let mut framing = Framing::Length(7);
        assert_eq!(
            framing.advance(b"12345"),
            Ok(Step {
                used: 5,
                done: false
            })
        );
        assert_eq!(
            framing.advance(b"67GET"),
            Ok(Step {
                used: 2,
                done: true
            })
        );
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
            assert!(whole(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bounds_extensions_and_trailers() {
        assert!(whole(&format!("1;{}\r\na\r\n", "x".repeat(4_000))).is_ok());
        assert!(whole(&format!("1;{}\r\na\r\n", "x".repeat(4_200))).is_err());
        assert!(whole(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(1_000))).is_ok());
        assert!(whole(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(2_000))).is_err());
    }
}
