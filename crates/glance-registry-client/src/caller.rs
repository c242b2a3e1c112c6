//! On whose behalf a call is made, and what of it the registry is told.

use glance_core::identity::Identity;
use glance_core::wire;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// On whose behalf, and in the course of which request, the registry is called.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who asks.
    pub identity: &'a Identity,
    /// `req-…`, the same in both daemons' logs.
    pub request_id: &'a str,
}

/// What of the caller is passed on.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding {
    /// `use_user_token`: the caller's token.
    pub user_token: bool,
    /// `send_identity_headers`: user, tenant, roles and catalogue.
    pub identity_headers: bool,
}

impl Forwarding {
    /// Adds the caller's headers. Values that cannot stand in a header are left out, which can only
    /// take powers away.
    pub(crate) fn apply(self, caller: Caller<'_>, headers: &mut HeaderMap) {
        let identity = caller.identity;
        put(headers, wire::REQUEST_ID, caller.request_id);
        if let Some(token) = identity.token.as_ref().filter(|_| self.user_token) {
            put(headers, wire::AUTH_TOKEN, token.expose());
        }
        if self.identity_headers {
            put(
                headers,
                wire::USER_ID,
                identity.user.as_deref().unwrap_or(""),
            );
            put(
                headers,
                wire::TENANT_ID,
                identity.tenant.as_deref().unwrap_or(""),
            );
            put(headers, wire::ROLES, &identity.roles.join(","));
            put(headers, wire::IDENTITY_STATUS, "Confirmed");
            let catalog = identity.service_catalog.as_deref().unwrap_or("null");
            put(headers, wire::SERVICE_CATALOG, catalog);
        }
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use glance_core::identity::Token;

    use super::*;

    fn headers(forwarding: Forwarding) -> HeaderMap {
        let identity = Identity {
            user: Some("u1".into()),
            tenant: None,
            roles: vec!["member".into(), "foo".into()],
            token: Some(Token::new("t0ken")),
            ..Identity::default()
        };
        let mut headers = HeaderMap::new();
        forwarding.apply(
            Caller {
                identity: &identity,
                request_id: "req-1",
            },
            &mut headers,
        );
        headers
    }

    #[test]
    fn sends_the_identity_as_glance_does() {
        let headers = headers(Forwarding {
            user_token: false,
            identity_headers: true,
        });
        assert_eq!(headers["x-roles"], "member,foo");
        assert_eq!(headers["x-tenant-id"], "");
        assert_eq!(headers["x-identity-status"], "Confirmed");
        assert_eq!(headers["x-service-catalog"], "null");
        assert!(!headers.contains_key("x-auth-token"));
    }

    #[test]
    fn sends_the_token_alone_by_default() {
        let headers = headers(Forwarding {
            user_token: true,
            identity_headers: false,
        });
        assert_eq!(headers["x-auth-token"], "t0ken");
        assert_eq!(headers["x-openstack-request-id"], "req-1");
        assert_eq!(headers.len(), 2);
    }
}
