//! Fake authentication for tests: the token says who the caller is.

use actix_http::RequestHead;
use async_trait::async_trait;
use glance_core::identity::{Identity, Token};
use glance_core::wire;
use percent_encoding::percent_decode_str;

use crate::headers::{filled, roles};
use crate::{AccessRules, AuthError, Authenticator};

/// Flavor `fakeauth`: the token is `user:tenant:role[,role…]`, with `none` for no tenant.
///
/// Identity headers are not believed. (Glance's test flavor passes them on when there is no token.)
#[derive(Debug)]
pub struct FakeAuth {
    rules: AccessRules,
}

impl FakeAuth {
    pub(crate) fn new(rules: AccessRules) -> Self {
        Self { rules }
    }

    /// python-glanceclient percent-encodes its token, colons included.
    fn identity(token: &str) -> Option<Identity> {
        let decoded = percent_decode_str(token).decode_utf8().ok()?;
        let mut parts = decoded.splitn(3, ':');
        let (user, tenant, role) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Identity {
            user: filled_part(user),
            tenant: filled_part(tenant),
            roles: roles(role),
            token: Some(Token::new(token)),
            ..Identity::default()
        })
    }
}

fn filled_part(text: &str) -> Option<String> {
    (!text.is_empty() && !text.eq_ignore_ascii_case("none")).then(|| text.to_owned())
}

#[async_trait(?Send)]
impl Authenticator for FakeAuth {
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError> {
        let Some(token) = filled(head, &[wire::AUTH_TOKEN]) else {
            return self.rules.stranger();
        };
        let identity = Self::identity(&token).ok_or(AuthError::Unauthorized)?;
        Ok(self.rules.apply(identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_user_tenant_and_roles() {
        let identity = FakeAuth::identity("u1:t1:member,Admin").unwrap();
        assert_eq!(identity.user.as_deref(), Some("u1"));
        assert_eq!(identity.tenant.as_deref(), Some("t1"));
        assert_eq!(identity.roles, ["member", "admin"]);
        assert_eq!(FakeAuth::identity("u9:none:member").unwrap().tenant, None);
        assert_eq!(
            FakeAuth::identity("u1%3At1%3Amember")
                .unwrap()
                .tenant
                .as_deref(),
            Some("t1")
        );
        assert!(FakeAuth::identity("u9").is_none());
    }
}
