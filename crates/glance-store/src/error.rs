//! What can go wrong in a store.

use std::io;

use thiserror::Error;

/// Why the source of an upload ended before its end.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DataError {
    /// The client went away, or its body was malformed.
    #[error("the client went away before the end of the image data")]
    Disconnected,
    /// The client sent nothing for too long.
    #[error("the client sent no data for too long")]
    TimedOut,
    /// More than `image_size_cap` bytes came.
    #[error("the image data is larger than {0} bytes")]
    TooLarge(u64),
    /// The stream did not bring the bytes that it announced.
    #[error("{declared} bytes of image data were announced, but {received} came")]
    WrongSize {
        /// What was announced.
        declared: u64,
        /// What came: all of it if less, else at least so much, because the rest was not read.
        received: u64,
    },
    /// The owner's quota was used up while the data came.
    #[error("the owner's storage quota is used up")]
    OverQuota,
    /// The image was deleted or taken over while the data came.
    #[error("the image was deleted during its upload")]
    Cancelled,
}

/// What can go wrong in a store. No text names a path or a credential.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The image has data already.
    #[error("the image has data already")]
    Duplicate,
    /// There is no data at this location.
    #[error("there is no image data at this location")]
    NotFound,
    /// A part was asked for that goes beyond the end of the data.
    #[error("the data is shorter than the part that was asked for")]
    OutOfRange,
    /// The location is not of a form that the store understands, or lies outside the store.
    #[error("the location is not one of this store's")]
    BadLocation,
    /// No configured store serves this scheme or has this name.
    #[error("no store serves '{0}'")]
    UnknownStore(String),
    /// The store cannot do this at all.
    #[error("the store does not allow this")]
    Unsupported,
    /// No space is left.
    #[error("there is not enough disk space on the image storage media")]
    Full,
    /// The store does not let the service write.
    #[error("permission to write image storage media denied")]
    Forbidden,
    /// The store does not take the token of the caller, who must get a new one.
    #[error("the store does not take the caller's token")]
    Unauthorized,
    /// An outside source gave another answer than its data.
    #[error("the source answers with status {0}")]
    Answered(u16),
    /// The source of the data failed; the store is fine.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store cannot be reached or failed: worth another try later.
    #[error("the image store is unavailable")]
    Unavailable(#[source] io::Error),
}

/// Why the stores cannot be set up. For the operator: it names the option, and paths.
#[derive(Debug, Error)]
#[error("{option}: {reason}")]
pub struct StartError {
    /// The option in `[glance_store]` that has to change.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// What the system said.
    #[source]
    pub source: Option<io::Error>,
}

impl StartError {
    pub(crate) fn new(option: &'static str, reason: impl Into<String>) -> Self {
        Self {
            option,
            reason: reason.into(),
            source: None,
        }
    }

    pub(crate) fn caused(self, source: impl Into<io::Error>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }
}
