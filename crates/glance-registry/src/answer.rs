//! What a handler answers, and how it looks on the wire.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use glance_auth::REJECTION;
use glance_core::health::Health;
use glance_core::json;
use glance_core::wire::REQUEST_ID;
use serde::Serialize;

use crate::error::Refusal;

/// A success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 with a JSON body.
    Json(Vec<u8>),
    /// Of a health check.
    Health(Health),
    /// 204.
    Nothing,
}

impl Answer {
    /// 200 with `value` as Glance would write it.
    pub(crate) fn json<T: Serialize>(value: &T) -> Result<Self, Refusal> {
        json::to_vec(value)
            .map(Self::Json)
            .map_err(|error| Refusal::Broken(error.to_string()))
    }
}

/// The answer on the wire. `accept` and `method` are the request's; `request_id` is left out where
/// Glance leaves it out.
pub(crate) fn respond(
    outcome: Result<Answer, Refusal>,
    method: &Method,
    accept: Option<&str>,
    request_id: Option<&str>,
) -> HttpResponse {
    let mut response = match outcome {
        Ok(Answer::Json(body)) => typed(StatusCode::OK, "application/json", body),
        Ok(Answer::Health(Health { status: 204, .. })) | Ok(Answer::Nothing) => {
            HttpResponse::new(StatusCode::NO_CONTENT)
        }
        Ok(Answer::Health(health)) => {
            let status = StatusCode::from_u16(health.status);
            let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            typed(status, health.content_type, health.body.into_bytes())
        }
        Err(refusal) => refuse(&refusal, method, accept),
    };
    let head = response.head_mut();
    // Header names as Glance spells them; clients that compare them with care exist.
    head.set_camel_case_headers(true);
    if let Some(Ok(id)) = request_id.map(HeaderValue::from_str) {
        head.headers_mut()
            .insert(HeaderName::from_static(REQUEST_ID), id);
    }
    response
}

fn typed(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::with_body(status, BoxBody::new(body));
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

fn refuse(refusal: &Refusal, method: &Method, accept: Option<&str>) -> HttpResponse {
    let fault = match refusal {
        Refusal::Rejected => {
            let body = match *method {
                Method::HEAD => "",
                _ => REJECTION,
            };
            return typed(StatusCode::UNAUTHORIZED, "application/json", body.into());
        }
        Refusal::Plain(status, text) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return typed(status, "text/plain; charset=UTF-8", (*text).into());
        }
        other => other.fault(),
    };
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if method == Method::HEAD {
        // Glance answers HEAD with the type of a page that it does not send.
        typed(status, "text/html; charset=UTF-8", Vec::new())
    } else {
        let rendered = fault.render(accept, method.as_str());
        typed(status, rendered.content_type, rendered.body)
    };
    let headers = response.headers_mut();
    if let Refusal::NotAllowed(allowed) = refusal {
        headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    if let Refusal::Unavailable(_) | Refusal::Unidentifiable = refusal {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
