//! Swift's answers, and requests that are sent again until there is a good one.

use hyper::{Request, StatusCode};

use super::error::SwiftError;
use crate::error::StoreError;
use crate::net::answer::{self, is_passing};
use crate::net::client::{Outgoing, ServerClient};

pub(super) use crate::net::answer::{
    ATTEMPTS, Answer, Tried, body, drain, etag, header, length, repeatedly,
};

/// Sends what `request` makes until the answer is no passing trouble.
pub(super) async fn persistently(
    client: &ServerClient,
    request: impl Fn() -> Result<Request<Outgoing>, StoreError>,
) -> Result<Answer, StoreError> {
    answer::persistently(client, passing, request).await
}

/// The error that an answer is, if the same request may do better soon. 498 is Swift's own limit of
/// rates.
fn passing(status: StatusCode) -> Option<StoreError> {
    let is_passing = is_passing(status) || status.as_u16() == 498;
    is_passing.then(|| SwiftError::Status(status.as_u16()).into())
}
