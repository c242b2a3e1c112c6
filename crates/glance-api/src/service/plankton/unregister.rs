//! Unregistering an image.

use super::PlanktonError;
use crate::service::{ImageService, Requester};

impl ImageService {
    /// Forgets the image; its object and its sharing stay. Needs the right to write the object.
    pub async fn unregister(&self, requester: &Requester, id: &str) -> Result<(), PlanktonError> {
        let found = self.found(requester, id).await?.object()?;
        if !found.seen.facts.may_write || found.image.protected {
            return Err(PlanktonError::NotAllowed);
        }
        let id = &found.image.id;
        let service = self.as_service(requester).await;
        let done = self.registry.unregister(service.caller(), id).await;
        done.map_err(|error| PlanktonError::from_registry(error, id))?;
        log::info!("image {id} is unregistered");
        Ok(())
    }
}
