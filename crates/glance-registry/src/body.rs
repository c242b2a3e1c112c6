//! The body of a request: bounded, and JSON or nothing.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};
use actix_web::web::Payload;
use futures_util::StreamExt;
use glance_core::fault::Fault;
use serde_json::Value;

use crate::error::Refusal;

/// The longest body. Glance's own API daemon cannot send half as much: its headers are limited.
const LONGEST: usize = 1 << 20;

/// Reads a body that the request's head announces, and parses it. None: no body, by Glance's rules.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Option<Value>, Refusal> {
    if !is_announced(request) {
        return Ok(None);
    }
    let bytes = collect(request, payload).await?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|_| Refusal::bad_request("Malformed JSON in request body."))?;
    if !value.is_object() && !value.is_array() {
        return Err(Refusal::bad_request(
            "Unexpected body type. Expected list/dict.",
        ));
    }
    Ok(Some(value))
}

/// A chunked body counts where the method may have one; a length counts everywhere.
fn is_announced(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let may_have = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    );
    (may_have && headers.contains_key(header::TRANSFER_ENCODING))
        || declared(request).is_some_and(|length| length > 0)
}

fn declared(request: &HttpRequest) -> Option<usize> {
    request
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn collect(request: &HttpRequest, mut payload: Payload) -> Result<Vec<u8>, Refusal> {
    let too_long = || {
        Refusal::Fault(Fault::explained(
            413,
            format!("Request bodies are limited to {LONGEST} bytes."),
        ))
    };
    let declared = declared(request).unwrap_or(0);
    if declared > LONGEST {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(declared);
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_| Refusal::bad_request("The request body could not be read."))?;
        if bytes.len() + chunk.len() > LONGEST {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
