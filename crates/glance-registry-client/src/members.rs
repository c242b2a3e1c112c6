//! Calls about members.

use glance_core::member::{Member, SharedImage};
use glance_core::wire::{
    MEMBER_QUOTA, MemberFields, Members, Membership, Memberships, OneMember, SharedImages,
};
use hyper::Method;

use crate::call::{Call, quota_header};
use crate::caller::Caller;
use crate::error::RegistryError;
use crate::images::{encode, image_path};
use crate::transport::RegistryClient;

impl RegistryClient {
    /// With whom an image is shared.
    pub async fn get_image_members(
        &self,
        caller: Caller<'_>,
        id: &str,
    ) -> Result<Vec<Member>, RegistryError> {
        let call = Call::new(Method::GET, format!("{}/members", image_path(id)));
        Ok(self.fetch::<Members>(caller, call).await?.members)
    }

    /// What a tenant has been given.
    pub async fn get_member_images(
        &self,
        caller: Caller<'_>,
        member: &str,
    ) -> Result<Vec<SharedImage>, RegistryError> {
        let call = Call::new(Method::GET, format!("/shared-images/{}", encode(member)));
        Ok(self
            .fetch::<SharedImages>(caller, call)
            .await?
            .shared_images)
    }

    /// Replaces all members of an image, at most `quota` of them.
    pub async fn replace_members(
        &self,
        caller: Caller<'_>,
        id: &str,
        memberships: Vec<Membership>,
        quota: Option<u64>,
    ) -> Result<(), RegistryError> {
        let headers = quota_header(MEMBER_QUOTA, quota);
        let call = Call::new(Method::PUT, format!("{}/members", image_path(id)))
            .json(&Memberships { memberships })?
            .with(&headers);
        self.send(caller, call).await.map(drop)
    }

    /// Shares an image with one more tenant, up to `quota` of them. Without `can_share` a member
    /// keeps what it had.
    pub async fn add_member(
        &self,
        caller: Caller<'_>,
        id: &str,
        member: &str,
        can_share: Option<bool>,
        quota: Option<u64>,
    ) -> Result<(), RegistryError> {
        let headers = quota_header(MEMBER_QUOTA, quota);
        let mut call = Call::new(Method::PUT, member_path(id, member)).with(&headers);
        if let Some(can_share) = can_share {
            call = call.json(&OneMember {
                member: MemberFields { can_share },
            })?;
        }
        self.send(caller, call).await.map(drop)
    }

    /// Takes an image away from a tenant.
    pub async fn delete_member(
        &self,
        caller: Caller<'_>,
        id: &str,
        member: &str,
    ) -> Result<(), RegistryError> {
        self.send(caller, Call::new(Method::DELETE, member_path(id, member)))
            .await
            .map(drop)
    }
}

fn member_path(id: &str, member: &str) -> String {
    format!("{}/members/{}", image_path(id), encode(member))
}
