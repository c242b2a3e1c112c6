//! Registering an object of Pithos as an image.

use crate::service::{ImageService, Requester};

use super::{NewRegistration, PlanktonError, Registered};

impl ImageService {
    /// Registers the object at `new.location` as an image, or registers it again.
    ///
    /// Checked in this order: the caller may read the object ([`PlanktonError::Forbidden`],
    /// [`PlanktonError::NoSuchObject`]), its size, its hash, that it is the caller's
    /// ([`PlanktonError::NotAllowed`]), and the limits on metadata.
    pub async fn register(
        &self,
        _requester: &Requester,
        _new: NewRegistration,
    ) -> Result<Registered, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
