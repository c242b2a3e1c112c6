//! What is shown of the places where image data is kept, and how they are hidden in the database.

use crate::secret::Secret;
use crate::value::OptionValue;

options! {
    /// What is shown of the places where image data is kept, and how they are hidden.
    pub struct LocationConfig in "DEFAULT" {
        /// Accepted for Glance's sake: version 1 of the API never shows where data is kept.
        show_image_direct_url: bool = "false", restart;
        /// Accepted for Glance's sake: version 1 of the API never shows where data is kept.
        show_multiple_locations: bool = "false", restart;
        /// The AES key with which locations are encrypted before they are given to
        /// glance-registry. Images that were registered with one key cannot be read with another.
        metadata_encryption_key: Option<MetadataKey> = unset, restart;
    }
}

/// An AES key of 16, 24 or 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataKey(Secret);

impl MetadataKey {
    /// The key's bytes: 16, 24 or 32.
    pub fn bytes(&self) -> &[u8] {
        self.0.reveal().as_bytes()
    }
}

impl OptionValue for MetadataKey {
    const ACCEPTS: &'static str = "a text of 16, 24 or 32 bytes (never shown)";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.len() {
            16 | 24 | 32 => Ok(Self(Secret::new(text))),
            length => Err(Some(format!("an AES key cannot have {length} bytes"))),
        }
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }
}
