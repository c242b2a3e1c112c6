//! What the daemons know, and nobody else.

use crate::secret::Secret;
use crate::value::OptionValue;

/// Fewer characters could be guessed.
const SHORTEST: usize = 16;

/// A secret that the daemons share. It can stand in a header as it is. Never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySecret(Secret);

impl RegistrySecret {
    /// The text itself. The caller keeps it out of messages.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl OptionValue for RegistrySecret {
    const ACCEPTS: &'static str = "16 or more letters, digits and punctuation marks (never shown)";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || text.len() < SHORTEST {
            return Err(None);
        }
        Ok(Self(Secret::new(text)))
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_long_enough_and_fits_in_a_header() {
        assert!(RegistrySecret::parse("0123456789abcdef").is_ok());
        for wrong in [
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789abcd\u{e9}\u{e9}",
        ] {
            assert!(RegistrySecret::parse(wrong).is_err());
        }
    }

    #[test]
    fn never_prints_its_text() {
        let secret = RegistrySecret::parse("0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "RegistrySecret(***)");
        assert_eq!(secret.shown(), ["***"]);
    }
}
