//! Image identifiers: what a client may choose, and how we make one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// The identifier of an image: a UUID in any of the spellings that Glance keeps verbatim.
///
/// Glance accepts upper case and the form without dashes and never normalises them, so two
/// spellings of one UUID are two images. Only hexadecimal digits and dashes can occur, which makes
/// an `ImageId` safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(String);

/// The text is not a UUID in a spelling that Glance stores.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Invalid image id format")]
pub struct InvalidImageId;

impl ImageId {
    /// A new random identifier, in lower case with dashes.
    pub fn generate() -> Self {
        Self(Uuid::new_v4().hyphenated().to_string())
    }

    /// The identifier as the client spelled it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageId {
    type Err = InvalidImageId;

    /// Accepts 32 hexadecimal digits, or the same with dashes as 8-4-4-4-12, in any case.
    ///
    /// Glance also lets braces and `urn:uuid:` pass this check and then fails with 500; we refuse
    /// them here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = matches!(text.len(), 32 | 36) && !text.starts_with(['{', 'u', 'U']);
        if plain && Uuid::try_parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidImageId)
    }
}

impl TryFrom<String> for ImageId {
    type Error = InvalidImageId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> Self {
        id.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_spelling_of_the_client() {
        for text in [
            "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE",
            "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee",
        ] {
            assert_eq!(text.parse::<ImageId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_uuid() {
        for text in [
            "",
            "..",
            "../../../../../../../../etc/passwd..",
            "bad",
            "{aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee}",
            "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeeee",
            "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeee\0",
        ] {
            assert_eq!(text.parse::<ImageId>(), Err(InvalidImageId), "{text}");
        }
    }

    #[test]
    fn generates_distinct_ids() {
        assert_ne!(ImageId::generate(), ImageId::generate());
    }
}
