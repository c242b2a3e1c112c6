//! One image, as its object is now.

use super::{PlanktonError, Registered};
use crate::service::{ImageService, Requester};

impl ImageService {
    /// The image `id`, if the caller may read it. Any spelling of a UUID is its id.
    ///
    /// [`PlanktonError::InvalidId`], [`PlanktonError::NotFound`], [`PlanktonError::Forbidden`].
    pub async fn registered(
        &self,
        requester: &Requester,
        id: &str,
    ) -> Result<Registered, PlanktonError> {
        Ok(self.found(requester, id).await?.shown())
    }
}
