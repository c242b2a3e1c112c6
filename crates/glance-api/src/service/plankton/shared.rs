//! Images shared with respect to a user.

use crate::service::{ImageService, Requester};

use super::{PlanktonError, Shared};

impl ImageService {
    /// The ids of these images, the latest first.
    pub async fn shared_by(
        &self,
        _requester: &Requester,
        _shared: Shared<'_>,
    ) -> Result<Vec<String>, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
