//! Trusted headers: a proxy in front has checked the caller and says who it is.

use actix_http::RequestHead;
use async_trait::async_trait;
use glance_core::identity::{Identity, Token};
use glance_core::wire;

use crate::headers::{filled, roles, text};
use crate::{AccessRules, AuthError, Authenticator};

/// Flavor `trusted-auth`. Whoever can reach the daemon can be anybody: only a proxy may.
#[derive(Debug)]
pub struct TrustedAuth {
    rules: AccessRules,
}

impl TrustedAuth {
    pub(crate) fn new(rules: AccessRules) -> Self {
        Self { rules }
    }
}

#[async_trait(?Send)]
impl Authenticator for TrustedAuth {
    /// Believes the headers if `X-Identity-Status` is exactly `Confirmed`. The older names of the
    /// headers are oslo.context's.
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError> {
        if text(head, &[wire::IDENTITY_STATUS]) != Some("Confirmed") {
            return self.rules.stranger();
        }
        let service_catalog = filled(head, &[wire::SERVICE_CATALOG]);
        if service_catalog
            .as_deref()
            .is_some_and(|catalog| !is_json(catalog))
        {
            return Err(AuthError::Malformed("Invalid service catalog json."));
        }
        Ok(self.rules.apply(Identity {
            user: filled(head, &[wire::USER_ID, "x-user"]),
            tenant: filled(head, &[wire::TENANT_ID, "x-project-id", "x-tenant"]),
            roles: roles(text(head, &[wire::ROLES, "x-role"]).unwrap_or("")),
            token: filled(head, &[wire::AUTH_TOKEN]).map(Token::new),
            service_catalog: service_catalog.map(Into::into),
            ..Identity::default()
        }))
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use actix_http::Request;
    use actix_http::header::{HeaderName, HeaderValue};
    use glance_config::AccessConfig;

    use super::*;

    fn identify(headers: &[(&str, &str)]) -> Result<Identity, AuthError> {
        let mut request = Request::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).unwrap());
        }
        let auth = TrustedAuth::new(AccessRules::from(&AccessConfig::default()));
        let (head, _) = request.into_parts();
        block_on(auth.authenticate(&head))
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => unreachable!("these strategies never wait"),
        }
    }

    #[test]
    fn believes_confirmed_headers_only() {
        let identity =
            identify(&[("x-identity-status", "Confirmed"), ("x-tenant-id", "t1")]).unwrap();
        assert_eq!(identity.owner(), Some("t1"));
        for status in ["confirmed", "Invalid", ""] {
            let refused = identify(&[("x-identity-status", status), ("x-tenant-id", "t1")]);
            assert_eq!(refused.unwrap_err(), AuthError::Unauthorized);
        }
    }

    #[test]
    fn reads_roles_as_oslo_context_does() {
        let identity = identify(&[
            ("x-identity-status", "Confirmed"),
            ("x-roles", "member, Admin ,"),
        ])
        .unwrap();
        assert_eq!(identity.roles, ["member", "admin"]);
        assert!(identity.is_admin);
    }

    #[test]
    fn takes_the_older_names() {
        let identity = identify(&[
            ("x-identity-status", "Confirmed"),
            ("x-user", "u1"),
            ("x-tenant", "t1"),
            ("x-role", "member"),
        ])
        .unwrap();
        assert_eq!(
            (identity.user.as_deref(), identity.tenant.as_deref()),
            (Some("u1"), Some("t1"))
        );
    }

    #[test]
    fn refuses_a_catalogue_that_is_no_json() {
        let refused = identify(&[
            ("x-identity-status", "Confirmed"),
            ("x-service-catalog", "x"),
        ]);
        assert_eq!(
            refused.unwrap_err(),
            AuthError::Malformed("Invalid service catalog json.")
        );
    }
}
