//! One image, as its object is now.

use crate::service::{ImageService, Requester};

use super::{PlanktonError, Registered};

impl ImageService {
    /// The image `id`, if the caller may read it. Any spelling of a UUID is its id.
    ///
    /// [`PlanktonError::InvalidId`], [`PlanktonError::NotFound`], [`PlanktonError::Forbidden`].
    pub async fn registered(
        &self,
        _requester: &Requester,
        _id: &str,
    ) -> Result<Registered, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
