//! The size of a source's data, without its data.

use hyper::header::{HeaderMap, HeaderValue, RANGE};
use hyper::{Method, StatusCode};

use super::answer::{content_length, content_range, refuse_encoded};
use super::client::HttpClient;
use super::error::SourceError;
use crate::guard::ExternalUrl;
use crate::net::pause::pause;

/// How often a source is asked that answers but has trouble.
const ATTEMPTS: u32 = 3;

/// Bytes at the source, if it tells. A source that cannot be reached is not asked twice: somebody
/// waits for the answer.
pub(super) async fn size(
    client: &HttpClient,
    url: &ExternalUrl,
) -> Result<Option<u64>, SourceError> {
    let mut attempt = 1;
    loop {
        match once(client, url).await {
            Err(error @ SourceError::Status(_)) if error.is_transient() && attempt < ATTEMPTS => {
                pause(attempt).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn once(client: &HttpClient, url: &ExternalUrl) -> Result<Option<u64>, SourceError> {
    let head = client.send(&Method::HEAD, url, &HeaderMap::new()).await?;
    match head.status().as_u16() {
        200 => {
            refuse_encoded(head.headers())?;
            content_length(head.headers())
        }
        status @ (404 | 410 | 429 | 502 | 503 | 504) => Err(SourceError::Status(status)),
        // Servers that do not know HEAD, and signed URLs that are good for GET only.
        _ => by_first_byte(client, url).await,
    }
}

async fn by_first_byte(client: &HttpClient, url: &ExternalUrl) -> Result<Option<u64>, SourceError> {
    let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
    let answer = client.send(&Method::GET, url, &headers).await?;
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            refuse_encoded(answer.headers())?;
            Ok(content_range(answer.headers())?.total)
        }
        // The body is not read: dropping it ends the connection.
        StatusCode::OK => {
            refuse_encoded(answer.headers())?;
            content_length(answer.headers())
        }
        StatusCode::RANGE_NOT_SATISFIABLE => match content_range(answer.headers()) {
            Ok(range) if range.total == Some(0) => Ok(Some(0)),
            _ => Err(SourceError::Status(416)),
        },
        status => Err(SourceError::Status(status.as_u16())),
    }
}
