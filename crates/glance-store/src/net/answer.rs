//! Answers, and requests that are sent again until there is a good one.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, ETAG};
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;

use super::client::{NetError, Outgoing, ServerClient};
use super::pause::pause;
use super::reading::incoming;
use crate::error::StoreError;

/// An answer whose body is on its way.
pub(crate) type Answer = Response<Incoming>;

/// How often something is tried.
pub(crate) const ATTEMPTS: u32 = 4;

/// What is read of a body that nobody wants, so that its connection can be used again.
const DREGS: usize = 64 * 1024;

/// How much longer than one silence a body may take.
const SILENCES: u32 = 10;

/// Sends what `request` makes until the answer is no passing trouble: `passing` tells the error that
/// an answer of this status is, if the same request may do better soon. Begun again as long as the
/// first attempts took less than two that end in silence.
pub(crate) async fn persistently(
    client: &ServerClient,
    passing: impl Fn(StatusCode) -> Option<StoreError>,
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
            Ok(answer) => match passing(answer.status()) {
                None => return Ok(answer),
                Some(error) => {
                    drain(answer, client.patience()).await;
                    error
                }
            },
            Err(error) => StoreError::from(error),
        };
        if attempt >= ATTEMPTS || Instant::now() >= end {
            return Err(error);
        }
        pause(attempt).await;
        attempt += 1;
    }
}

/// What came of an attempt.
pub(crate) enum Tried<T> {
    Done(T),
    /// Nothing, for a reason that may be over soon.
    Not(StoreError),
}

/// Makes attempts until something comes of one, as many as are worth it.
pub(crate) async fn repeatedly<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<Tried<T>, StoreError>>,
{
    let mut number = 1;
    loop {
        match attempt().await? {
            Tried::Done(done) => return Ok(done),
            Tried::Not(error) if number >= ATTEMPTS => return Err(error),
            Tried::Not(_) => pause(number).await,
        }
        number += 1;
    }
}

/// Whether the same request may do better soon, with whatever server.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Reads what is left, as far as that is little and does not take longer than `patience`.
pub(crate) async fn drain(answer: Answer, patience: Duration) {
    let _ = timeout(patience, body(answer, DREGS, patience)).await;
}

/// All of a body, `limit` bytes at most; a server may be silent for `patience`, and take ten times as
/// long for all of it: reports of Swift's deletions come in single bytes while the work is done.
pub(crate) async fn body(
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
            .map_err(|_| NetError::Silent)?;
        match next {
            Some(piece) => all.extend_from_slice(&piece.map_err(StoreError::Unavailable)?),
            None => return Ok(all),
        }
        if all.len() > limit {
            return Err(NetError::TooLong.into());
        }
    }
}

/// The text of a header.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// How long the body is.
pub(crate) fn length(answer: &Answer) -> Option<u64> {
    header(answer, CONTENT_LENGTH.as_str())?.parse().ok()
}

/// The entity tag without its quotes, which some servers set and others do not.
pub(crate) fn etag(answer: &Answer) -> Option<String> {
    let text = header(answer, ETAG.as_str())?.trim_matches('"');
    (!text.is_empty()).then(|| text.to_owned())
}
