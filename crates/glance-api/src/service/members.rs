//! With whom images are shared.

use glance_core::member::{Member, SharedImage};
use glance_core::wire::Membership;

use super::plankton::BY_GROUP;
use super::{ImageService, Requester, ServiceError};

impl ImageService {
    /// The members of an image, as far as the caller may know them.
    pub async fn members(
        &self,
        requester: &Requester,
        id: &str,
    ) -> Result<Vec<Member>, ServiceError> {
        let members = self
            .registry
            .get_image_members(requester.caller(), id)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))?;
        let shown = members.into_iter().filter(|it| it.member_id != BY_GROUP);
        Ok(shown.collect())
    }

    /// Replaces all members of an image.
    pub async fn replace_members(
        &self,
        requester: &Requester,
        id: &str,
        memberships: Vec<Membership>,
    ) -> Result<(), ServiceError> {
        let quota = self.config().limits.image_member_quota.limit();
        self.registry
            .replace_members(requester.caller(), id, memberships, quota)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))?;
        self.share_by_id(requester, id).await
    }

    /// Shares an image with one more tenant; without `can_share` a member keeps what it had.
    pub async fn add_member(
        &self,
        requester: &Requester,
        id: &str,
        member: &str,
        can_share: Option<bool>,
    ) -> Result<(), ServiceError> {
        let quota = self.config().limits.image_member_quota.limit();
        self.registry
            .add_member(requester.caller(), id, member, can_share, quota)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))?;
        self.share_by_id(requester, id).await
    }

    /// Takes an image away from a tenant.
    pub async fn delete_member(
        &self,
        requester: &Requester,
        id: &str,
        member: &str,
    ) -> Result<(), ServiceError> {
        self.registry
            .delete_member(requester.caller(), id, member)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))?;
        self.share_by_id(requester, id).await
    }

    /// What a tenant has been given, as far as the caller may know it.
    pub async fn shared_images(
        &self,
        requester: &Requester,
        member: &str,
    ) -> Result<Vec<SharedImage>, ServiceError> {
        self.registry
            .get_member_images(requester.caller(), member)
            .await
            .map_err(|error| ServiceError::from_registry(error, member))
    }
}
