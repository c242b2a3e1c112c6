//! Who asks, and under which id a request goes through both daemons' logs.

use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use glance_auth::{AuthError, Authenticator, REJECTION};
use glance_core::fault::Fault;
use glance_core::identity::Identity;
use glance_core::policy::Rules;
use glance_core::wire;
use uuid::Uuid;

use crate::v1::fault::Failure;

const PREFIX: &str = "req-";

/// The caller of `request`, or the answer to somebody who has no business here. The policy rule `context_is_admin` makes
/// administrators besides the configured role.
pub(crate) async fn identify(
    authenticator: &dyn Authenticator,
    policy: &Rules,
    request: &HttpRequest,
) -> Result<Identity, HttpResponse> {
    let fault = match authenticator.authenticate(request.head()).await {
        Ok(mut identity) => {
            identity.is_admin = identity.is_admin || policy.makes_admin(&identity);
            return Ok(identity);
        }
        Err(AuthError::Rejected) => return Err(challenged(authenticator, rejected(request))),
        Err(AuthError::Unauthorized | AuthError::Refused(_)) => Fault::bare(401),
        Err(AuthError::Unavailable) => Fault::bare(503),
        // Glance answers 500 here.
        Err(AuthError::Malformed(reason)) => Fault::detailed(400, reason),
    };
    let response = Failure::from(fault).response(request);
    Err(challenged(authenticator, response))
}

/// The answer with `WWW-Authenticate`, if it is a 401: keystonemiddleware adds it to each of them.
pub(crate) fn challenged(
    authenticator: &dyn Authenticator,
    mut response: HttpResponse,
) -> HttpResponse {
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(challenge) = authenticator.challenge()
        && let Ok(value) = HeaderValue::from_str(challenge)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// keystonemiddleware's 401.
fn rejected(request: &HttpRequest) -> HttpResponse {
    let body = match *request.method() {
        Method::HEAD => "",
        _ => REJECTION,
    };
    let mut response = HttpResponse::Unauthorized().body(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
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
