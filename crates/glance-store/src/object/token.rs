//! What tells one upload's data from another's under the same name.

use std::io;

use object_store::{Attribute, Attributes};

use crate::error::StoreError;

/// A random text that is kept with the data of one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// The metadata that has it. Azure allows letters only.
    pub(super) const NAME: &'static str = "glanceupload";

    /// A new one.
    pub(super) fn new() -> Result<Self, StoreError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| StoreError::Unavailable(io::Error::other(error.to_string())))?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(random))))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The metadata of data that has this token.
    pub(super) fn attributes(&self) -> Attributes {
        let name = Attribute::Metadata(Self::NAME.into());
        Attributes::from_iter([(name, self.0.clone())])
    }
}
