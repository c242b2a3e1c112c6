//! Answers, and requests that are sent again until there is a good one.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, ETAG};
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;

use super::error::SwiftError;
use crate::error::StoreError;
use crate::net::client::{Outgoing, ServerClient};
use crate::net::pause::pause;
use crate::net::reading::incoming;

/// An answer whose body is on its way.
pub(super) type Answer = Response<Incoming>;

/// How often something is tried.
pub(super) const ATTEMPTS: u32 = 4;

/// What is read of a body that nobody wants, so that its connection can be used again.
const DREGS: usize = 64 * 1024;

/// How much longer than one silence a body may take.
const SILENCES: u32 = 10;

/// Sends what `request` makes until the answer is no passing trouble. Begun again as long as the first
/// attempts took less than two that end in silence.
pub(super) async fn persistently(
    client: &ServerClient,
    request: impl Fn() -> Result<Request<Outgoing>, StoreError>,
) -> Result<Answer, StoreError> {
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        let request = request()?;
        // A server may be silent twice when it has a body to take.
        let silences = if request.body().is_end_stream() { 1 } else { 2 };
        let end = begun + client.patience() * 2 * silences;
        let error = match client.send(request).await {
            Ok(answer) if !is_passing(answer.status()) => return Ok(answer),
            Ok(answer) => {
                let status = answer.status().as_u16();
                drain(answer, client.patience()).await;
                SwiftError::Status(status).into()
            }
            Err(error) => StoreError::from(error),
        };
        if attempt >= ATTEMPTS || Instant::now() >= end {
            return Err(error);
        }
        pause(attempt).await;
        attempt += 1;
    }
}

/// Whether the same request may do better soon. 498 is Swift's own limit of rates.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 498 | 500 | 502 | 503 | 504)
}

/// Reads what is left, as far as that is little and does not take longer than `patience`.
pub(super) async fn drain(answer: Answer, patience: Duration) {
    let _ = timeout(patience, body(answer, DREGS, patience)).await;
}

/// All of a body, `limit` bytes at most; a server may be silent for `patience`, and take ten times as
/// long for all of it: reports of deletions come in single bytes while the work is done.
pub(super) async fn body(
    answer: Answer,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = incoming(answer.into_body());
    let mut all = Vec::new();
    let end = Instant::now() + patience * SILENCES;
    loop {
        let silence = patience.min(end.saturating_duration_since(Instant::now()));
        let next = timeout(silence, bytes.next())
            .await
            .map_err(|_| SwiftError::Unusable("it does not end"))?;
        match next {
            Some(piece) => all.extend_from_slice(&piece.map_err(StoreError::Unavailable)?),
            None => return Ok(all),
        }
        if all.len() > limit {
            return Err(SwiftError::Unusable("it is too long").into());
        }
    }
}

/// The text of a header.
pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// How long the body is.
pub(super) fn length(answer: &Answer) -> Option<u64> {
    header(answer, CONTENT_LENGTH.as_str())?.parse().ok()
}

/// The entity tag without its quotes, which some servers set and others do not.
pub(super) fn etag(answer: &Answer) -> Option<String> {
    let text = header(answer, ETAG.as_str())?.trim_matches('"');
    (!text.is_empty()).then(|| text.to_owned())
}
