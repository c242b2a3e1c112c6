//! Lists: what the registry knows, as far as Pithos confirms it.

use crate::service::{ImageService, Requester};

use super::{PlanktonError, Registered, RegisteredQuery};

impl ImageService {
    /// The images that the caller sees: own, shared with the caller, and public ones.
    pub async fn list_registered(
        &self,
        _requester: &Requester,
        _query: &RegisteredQuery,
    ) -> Result<Vec<Registered>, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
