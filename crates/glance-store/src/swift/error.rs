//! What can go wrong with Swift. No text tells a credential, an address or a name.

use std::io;

use hyper::StatusCode;
use thiserror::Error;

use crate::error::StoreError;

/// Why Swift, or the service that gives tokens, did not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum SwiftError {
    /// An answer that says no.
    #[error("Swift answers with status {0}")]
    Status(u16),
    /// The same of the other service.
    #[error("the service that gives tokens answers with status {0}")]
    SignOn(u16),
    /// User and key are wrong.
    #[error("the service that gives tokens refuses the credentials")]
    Credentials,
    /// Swift and the service that gives tokens do not agree.
    #[error("Swift refuses a new token")]
    Token,
    /// The service that gives tokens failed a moment ago.
    #[error("no token could be had just now")]
    NoToken,
    /// Where Swift is cannot be known.
    #[error("the catalogue of services has no endpoint of the type, kind and region configured")]
    NoEndpoint,
    /// Nothing can be kept.
    #[error("the container does not exist, and swift_store_create_container_on_put is off")]
    NoContainer,
    /// An answer that makes no sense.
    #[error("an answer cannot be used: {0}")]
    Unusable(&'static str),
    /// It is not what it was before.
    #[error("the data changed while it was read")]
    Changed,
    /// Something was kept otherwise than it was sent.
    #[error("Swift tells another checksum than the data has")]
    Checksum,
    /// Segments could not be deleted.
    #[error("Swift could not delete all segments")]
    Segments,
    /// A task ended without a word.
    #[error("an upload was broken off")]
    BrokenOff,
}

impl From<SwiftError> for StoreError {
    fn from(error: SwiftError) -> Self {
        Self::Unavailable(io::Error::other(error))
    }
}

/// What an answer means that is no success.
pub(super) fn refused(status: StatusCode) -> StoreError {
    match status.as_u16() {
        403 => StoreError::Forbidden,
        404 | 410 => StoreError::NotFound,
        // 413 is what the middleware for quotas answers; 507 a full device.
        413 | 507 => StoreError::Full,
        other => SwiftError::Status(other).into(),
    }
}
