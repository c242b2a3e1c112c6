//! Who asks, and under which id a request goes through both daemons' logs.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use glance_auth::{AuthError, Authenticator};
use glance_core::fault::Fault;
use glance_core::identity::Identity;
use glance_core::policy::Rules;
use glance_core::wire;
use uuid::Uuid;

const PREFIX: &str = "req-";

/// The caller of `request`, or why it has none. The policy rule `context_is_admin` makes
/// administrators besides the configured role.
pub(crate) async fn identify(
    authenticator: &dyn Authenticator,
    policy: &Rules,
    request: &HttpRequest,
) -> Result<Identity, Fault> {
    match authenticator.authenticate(request.head()).await {
        Ok(mut identity) => {
            identity.is_admin = identity.is_admin || policy.makes_admin(&identity);
            Ok(identity)
        }
        Err(AuthError::Unauthorized) => Err(Fault::bare(401)),
        // Glance answers 500 here.
        Err(AuthError::Malformed(reason)) => Err(Fault::detailed(400, reason)),
    }
}

/// The id that the caller gave the request, cut to `longest` bytes and with `req-` before it, or a
/// new one. (Glance answers 500 to an id that is too long.)
pub(crate) fn request_id(headers: &HeaderMap, longest: usize) -> String {
    let given = headers
        .get(wire::REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given
        .map(|id| &id[..id.len().min(longest)])
        .filter(|id| !id.is_empty())
    {
        Some(id) if id.starts_with(PREFIX) => id.to_owned(),
        Some(id) => format!("{PREFIX}{id}"),
        None => format!("{PREFIX}{}", Uuid::new_v4().hyphenated()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn id(given: &str) -> String {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(given.as_bytes()).unwrap();
        headers.insert(HeaderName::from_static(wire::REQUEST_ID), value);
        request_id(&headers, 8)
    }

    #[test]
    fn keeps_prefixes_and_cuts_the_id_of_the_caller() {
        assert_eq!(id("req-x"), "req-x");
        assert_eq!(id("x"), "req-x");
        assert_eq!(id("0123456789"), "req-01234567");
    }

    #[test]
    fn makes_an_id_where_there_is_none_to_be_used() {
        for given in ["", "жук"] {
            let made = id(given);
            assert!(made.starts_with("req-") && made.len() == 40, "{made}");
        }
    }
}
