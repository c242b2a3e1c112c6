//! What can go wrong with Pithos. No text tells a credential, an address or a name.

use std::io;

use hyper::StatusCode;
use thiserror::Error;

use crate::error::StoreError;

/// Why Pithos did not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum PithosError {
    /// An answer that says no.
    #[error("Pithos answers with status {0}")]
    Status(u16),
    /// Our own token is wrong, or over.
    #[error("Pithos refuses pithos_store_token")]
    Token,
    /// Nothing can be kept.
    #[error("the container does not exist, and pithos_store_create_container_on_put is off")]
    NoContainer,
    /// The container went while an image was on its way into it.
    #[error("the container has gone")]
    ContainerGone,
    /// Its blocks are made in a way that we do not know.
    #[error("the container hashes its blocks in a way that is not known here")]
    UnknownHash,
    /// An answer that makes no sense.
    #[error("an answer cannot be used: {0}")]
    Unusable(&'static str),
    /// Somebody else was at it at the same time.
    #[error("the object is another one than was just made")]
    Changed,
    /// Something was kept otherwise than it was sent.
    #[error("Pithos tells another hash than the data has")]
    Hash,
    /// Blocks went between their arrival and the publication of the image.
    #[error("Pithos does not have all blocks that it was sent")]
    Missing,
}

impl From<PithosError> for StoreError {
    fn from(error: PithosError) -> Self {
        Self::Unavailable(io::Error::other(error))
    }
}

/// What an answer about an object means that is no success.
pub(super) fn refused(status: StatusCode) -> StoreError {
    match status.as_u16() {
        // Names that are too long for it, or for the server before it.
        400 | 414 | 431 => StoreError::BadLocation,
        _ => not_kept(status),
    }
}

/// What an answer to something of our own making means that is no success.
pub(super) fn not_kept(status: StatusCode) -> StoreError {
    match status.as_u16() {
        403 => StoreError::Forbidden,
        404 | 410 => StoreError::NotFound,
        // 413 is what Pithos answers when a quota is used up.
        413 | 507 => StoreError::Full,
        other => PithosError::Status(other).into(),
    }
}
