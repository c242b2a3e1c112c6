//! What can come of a call to the image service, as outcomes; each dialect has its own words.

use glance_registry_client::RegistryError;
use glance_store::error::{DataError, StoreError};
use thiserror::Error;

/// To a caller whose token was good for us and is none for the store.
const REFUSED_TOKEN: &str = "The store does not take this token any more.";

/// Why the service did not do what was asked.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// There is no such image, or the caller may not know of it.
    #[error("image {id} not found")]
    NotFound {
        /// As the caller named it.
        id: String,
    },
    /// The image has no data that could be read.
    #[error("image {id} is not active")]
    NotActive {
        /// The image.
        id: String,
    },
    /// An administrator took the image out of use.
    #[error("image {id} is deactivated")]
    Deactivated {
        /// The image.
        id: String,
    },
    /// The image is active, but its data is gone from the store.
    #[error("the data of image {id} is gone")]
    DataGone {
        /// The image.
        id: String,
    },
    /// The id is taken, perhaps by a deleted image.
    #[error("an image with identifier {id} already exists")]
    Duplicate {
        /// As the caller chose it.
        id: String,
    },
    /// The image must not be deleted.
    #[error("image {id} is protected")]
    Protected {
        /// The image.
        id: String,
    },
    /// The image waits for the scrubber; it cannot be deleted again.
    #[error("image {id} is pending delete")]
    PendingDelete {
        /// The image.
        id: String,
    },
    /// The image is not `queued`, or another upload was faster: its data stays as it is.
    #[error("cannot upload to an unqueued image")]
    NotQueued,
    /// The image's status changed under the request.
    #[error("image operation conflicts")]
    Conflict,
    /// The image was deleted while its data came. The data is removed.
    #[error("image {id} was deleted during its upload")]
    DeletedDuringUpload {
        /// The image.
        id: String,
    },
    /// The lease ran out while the data came: this daemon stood still, or reached no registry, for too
    /// long. The image is `killed` and its data is removed, by whoever noticed.
    #[error("the upload of image {id} was given up: its lease was not renewed in time")]
    GivenUp {
        /// The image.
        id: String,
    },
    /// Data, location and copy-from exclude one another.
    #[error("multiple image sources")]
    MultipleSources,
    /// A location of no scheme that may be given. It may hold credentials: no text of ours has it.
    #[error("external sources are not supported")]
    ExternalSource(String),
    /// An empty location.
    #[error("external source should not be empty")]
    EmptySource,
    /// A location that is no URL as it should be. The text as for an unsupported one.
    #[error("an invalid location")]
    InvalidLocation(String),
    /// There is nothing at the outside source.
    #[error("there is nothing at the outside source")]
    SourceNotFound,
    /// The outside source does not give its data.
    #[error("the outside source answers with status {status}")]
    SourceAnswered {
        /// The path of its URL.
        path: String,
        /// What it answers.
        status: u16,
    },
    /// The outside source cannot be reached, or must not be: which of them is not told.
    #[error("the outside source cannot be used")]
    SourceUnreachable,
    /// The data at the location has another size than declared.
    #[error("provided size ({provided}) and stored size ({stored}) differ")]
    ProvidedSize {
        /// Declared, bytes.
        provided: i64,
        /// As the source says, bytes.
        stored: i64,
    },
    /// Too many copies wait already.
    #[error("too many copies wait")]
    TooManyCopies,
    /// A location was given for an image that is not `queued`.
    #[error("the location of an image that is not queued cannot change")]
    LocationOfUnqueued,
    /// No store has this name.
    #[error("required store {0} is invalid")]
    UnknownStore(String),
    /// The store cannot take new images.
    #[error("adding images to the store is disabled")]
    StoreCannotAdd,
    /// An active image needs a disk format.
    #[error("disk format is not specified")]
    NoDiskFormat,
    /// An active image needs a container format.
    #[error("container format is not specified")]
    NoContainerFormat,
    /// The data has another size than declared. The image is `killed`.
    #[error("supplied size ({supplied}) and size generated from uploaded image ({found}) differ")]
    SizeMismatch {
        /// Declared, bytes.
        supplied: u64,
        /// Counted, bytes.
        found: u64,
    },
    /// The data has another MD5 than declared. The image is `killed`.
    #[error("supplied checksum ({supplied}) and checksum of the uploaded image ({found}) differ")]
    ChecksumMismatch {
        /// Declared.
        supplied: String,
        /// Computed, lower-case hexadecimal.
        found: String,
    },
    /// The source of the data failed. The image is `killed`.
    #[error(transparent)]
    Data(DataError),
    /// More than the owner's storage quota. Nothing was stored.
    #[error("the owner's storage quota is used up")]
    OverStorageQuota,
    /// More members or properties than allowed. Nothing was changed. The registry's text.
    #[error("a quota of the image is used up")]
    OverQuota(String),
    /// The store has no space left. The image is `killed`.
    #[error("there is not enough disk space on the image storage media")]
    StoreFull,
    /// The store does not let us write. The image is `killed`.
    #[error("permission to write image storage media denied")]
    StoreForbidden,
    /// The caller may see the image but not do this. The registry's text.
    #[error("the registry forbids this")]
    Forbidden(String),
    /// The registry calls the request wrong. Its text.
    #[error("the registry refuses the request")]
    Rejected(String),
    /// The registry does not accept the caller's credentials. Its text.
    #[error("the registry does not accept the credentials")]
    Unauthorized(String),
    /// The store failed; the image is `killed` if it was being uploaded.
    #[error("the image store failed")]
    Store(#[source] StoreError),
    /// The registry does not answer. What was uploaded is kept or removed by recovery.
    #[error("the registry failed")]
    Registry(#[source] RegistryError),
}

impl ServiceError {
    /// What a refusal of the registry means for a call about image `id`.
    pub(crate) fn from_registry(error: RegistryError, id: &str) -> Self {
        let RegistryError::Refused { status, text } = error else {
            return Self::Registry(error);
        };
        match status {
            401 => Self::Unauthorized(text),
            403 => Self::Forbidden(text),
            404 => Self::NotFound { id: id.to_owned() },
            409 => Self::Conflict,
            413 => Self::OverQuota(text),
            _ => Self::Rejected(text),
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Data(error) => Self::Data(error),
            StoreError::Full => Self::StoreFull,
            StoreError::Forbidden => Self::StoreForbidden,
            StoreError::Unauthorized => Self::Unauthorized(REFUSED_TOKEN.to_owned()),
            other => Self::Store(other),
        }
    }
}
