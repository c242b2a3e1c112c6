//! Unregistering an image.

use crate::service::{ImageService, Requester};

use super::PlanktonError;

impl ImageService {
    /// Forgets the image; its object and its sharing stay. Needs the right to write the object. An
    /// image of Glance mode is deleted as there, with its data.
    pub async fn unregister(&self, _requester: &Requester, _id: &str) -> Result<(), PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
