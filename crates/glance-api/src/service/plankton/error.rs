//! What can come of a call about a registered image, as outcomes; levels have their own words.

use glance_core::plankton;
use glance_registry_client::RegistryError;
use glance_store::error::StoreError;
use thiserror::Error;

use crate::service::ServiceError;

/// Why it was not done. Nothing has changed when one of these comes back.
#[derive(Debug, Error)]
pub enum PlanktonError {
    /// The id is no UUID.
    #[error("an image id that is no UUID")]
    InvalidId,
    /// There is no image of this id, or its object is gone.
    #[error("image {id} not found")]
    NotFound {
        /// As the caller named it.
        id: String,
        /// Whether there was one, which has been unregistered or deleted.
        unregistered: bool,
    },
    /// The update would leave the image without a name.
    #[error("image {id} would have no name")]
    NameRequired {
        /// The image.
        id: String,
    },
    /// Pithos, or the registry, does not let the caller read this.
    #[error("the caller may not read the object")]
    Forbidden,
    /// The caller may read this and not do what was asked: not the owner, or without the right to
    /// write. Also: a protected image of Glance mode.
    #[error("the caller may not change the image")]
    NotAllowed,
    /// Pithos does not take the caller's token, which was good a moment ago.
    #[error("Pithos does not take the caller's token")]
    Unauthorized,
    /// A registration names an object that is not there.
    #[error("there is no object at the location")]
    NoSuchObject,
    /// A registration names another size than the object has.
    #[error("the object has {found} bytes, not {given}")]
    SizeDiffers {
        /// As the caller said.
        given: u64,
        /// As Pithos says.
        found: u64,
    },
    /// A registration names another hash than the object has.
    #[error("the object has another hash")]
    ChecksumDiffers,
    /// The object's id belongs to an image of another kind.
    #[error("the object's id is taken by another image")]
    Taken,
    /// A value is longer than [`plankton::LONGEST_VALUE`].
    #[error("a value has more than {} characters", plankton::LONGEST_VALUE)]
    ValueTooLong,
    /// The name of a property is longer than [`plankton::LONGEST_PROPERTY`].
    #[error(
        "the name of a property has more than {} characters",
        plankton::LONGEST_PROPERTY
    )]
    KeyTooLong,
    /// The image would have more than [`plankton::MOST_ITEMS`] items.
    #[error("more than {} items of metadata", plankton::MOST_ITEMS)]
    TooManyItems,
    /// A text has the character NUL, which no database of Synnefo's keeps.
    #[error("a text with the character NUL")]
    Nul,
    /// A member's id is empty or longer than [`plankton::LONGEST_MEMBER`].
    #[error(
        "a member's id has no or more than {} characters",
        plankton::LONGEST_MEMBER
    )]
    InvalidMember,
    /// The data is not the image's: it was changed while it was being opened, or is gone.
    #[error("the data of image {id} cannot be had as it was")]
    DataChanged {
        /// The image.
        id: String,
    },
    /// No store speaks to Pithos here.
    #[error("no pithos store is configured")]
    NoPithos,
    /// Pithos, the registry or a store failed: worth another try.
    #[error("the image service cannot do this now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What Glance mode says of its own images, or the registry of us.
    #[error(transparent)]
    Service(ServiceError),
}

impl PlanktonError {
    /// There is no image of this id, and nobody knows that there ever was.
    pub(super) fn not_found(id: &str) -> Self {
        Self::NotFound {
            id: id.to_owned(),
            unregistered: false,
        }
    }

    /// What a failure of the registry's means.
    pub(super) fn from_registry(error: RegistryError, id: &str) -> Self {
        match error {
            RegistryError::Refused { status: 404, .. } => Self::not_found(id),
            RegistryError::Refused { status: 409, .. } => Self::Taken,
            RegistryError::Refused { status: 413, .. } => Self::TooManyItems,
            error => ServiceError::from_registry(error, id).into(),
        }
    }
}

impl From<ServiceError> for PlanktonError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound { id } => Self::not_found(&id),
            ServiceError::Forbidden(_) | ServiceError::Protected { .. } => Self::NotAllowed,
            ServiceError::Store(source) => source.into(),
            ServiceError::Registry(source) => Self::Unavailable(Box::new(source)),
            other => Self::Service(other),
        }
    }
}

impl From<StoreError> for PlanktonError {
    /// For what cannot be about one object only; callers look for those first.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Forbidden => Self::Forbidden,
            StoreError::Unauthorized => Self::Unauthorized,
            StoreError::UnknownStore(_) => Self::NoPithos,
            other => Self::Unavailable(Box::new(other)),
        }
    }
}
