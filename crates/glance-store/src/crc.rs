//! CRC-64/NVME: the check of data on its way out that costs next to nothing.
//!
//! An MD5 takes as long as moving the same bytes through a server and a network stack. Image data is
//! hashed once, when it comes; whether it still is what came, this tells at some 20 GB/s.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// A CRC-64/NVME, the one S3 knows by that name. Written as 16 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crc64(u64);

impl fmt::Display for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is no CRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 16 hexadecimal digits")]
pub(crate) struct NoCrc;

impl FromStr for Crc64 {
    type Err = NoCrc;

    fn from_str(text: &str) -> Result<Self, NoCrc> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        value.map(Self).ok_or(NoCrc)
    }
}

/// The CRC of data as it passes.
pub(crate) struct Crc64Stream(Box<Digest>);

impl Crc64Stream {
    pub(crate) fn new() -> Self {
        Self(Box::new(Digest::new(CrcAlgorithm::Crc64Nvme)))
    }

    pub(crate) fn feed(&mut self, batch: &[Bytes]) {
        for piece in batch {
            self.0.update(piece);
        }
    }

    pub(crate) fn finish(&self) -> Crc64 {
        Crc64(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_one_of_the_catalogues() {
        let mut stream = Crc64Stream::new();
        stream.feed(&[Bytes::from_static(b"1234"), Bytes::new()]);
        stream.feed(&[Bytes::from_static(b"56789")]);
        // The check value that the catalogue of CRCs gives for this algorithm.
        assert_eq!(stream.finish().to_string(), "ae8b14860a799888");
        assert_eq!("ae8b14860a799888".parse(), Ok(stream.finish()));
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "ae8b14860a79988",
            "+e8b14860a799888",
            "ae8b14860a7998880",
        ] {
            assert_eq!(text.parse::<Crc64>(), Err(NoCrc), "{text}");
        }
    }
}
