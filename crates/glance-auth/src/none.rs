//! No authentication: everybody is the administrator, as in Glance without Keystone.

use actix_http::RequestHead;
use async_trait::async_trait;
use glance_core::identity::Identity;

use crate::{AuthError, Authenticator};

/// Flavor none. The caller has every power but no user, tenant or role, so policies that ask for
/// a role refuse even this administrator (Glance's behaviour).
#[derive(Debug)]
pub struct NoAuth;

#[async_trait(?Send)]
impl Authenticator for NoAuth {
    async fn authenticate(&self, _head: &RequestHead) -> Result<Identity, AuthError> {
        Ok(Identity {
            is_admin: true,
            ..Identity::default()
        })
    }
}
