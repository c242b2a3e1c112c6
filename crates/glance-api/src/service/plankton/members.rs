//! With whom images are shared.

use crate::service::{ImageService, Requester};

use super::PlanktonError;

impl ImageService {
    /// Who may read the image, in no order; nobody where it is public. Whoever can read it may ask.
    pub async fn registered_members(
        &self,
        _requester: &Requester,
        _id: &str,
    ) -> Result<Vec<String>, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }

    /// Makes these the members. `*` publishes the image; nothing here makes it private again. For
    /// the owner only ([`PlanktonError::NotAllowed`]), as the next two.
    pub async fn set_registered_members(
        &self,
        _requester: &Requester,
        _id: &str,
        _members: Vec<String>,
    ) -> Result<(), PlanktonError> {
        Err(PlanktonError::NoPithos)
    }

    /// Lets one more read the image; doing it again is no error. No id is verified.
    pub async fn add_registered_member(
        &self,
        _requester: &Requester,
        _id: &str,
        _member: &str,
    ) -> Result<(), PlanktonError> {
        Err(PlanktonError::NoPithos)
    }

    /// Lets one read the image no longer; who is no member is no error.
    pub async fn remove_registered_member(
        &self,
        _requester: &Requester,
        _id: &str,
        _member: &str,
    ) -> Result<(), PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
