//! Changing what is said of an image.

use crate::service::{ImageService, Requester};

use super::{PlanktonError, Registered, RegisteredUpdate};

impl ImageService {
    /// Changes what `update` names and keeps the rest. Needs the right to write the object, and for
    /// publicity the owner: [`PlanktonError::NotAllowed`].
    pub async fn update_registered(
        &self,
        _requester: &Requester,
        _id: &str,
        _update: RegisteredUpdate,
    ) -> Result<Registered, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
