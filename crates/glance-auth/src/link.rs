//! Calls to whoever knows tokens: how long, how often, how many at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use glance_net::client::{Connector, Pooled, connector};
use glance_net::pause;
use glance_net::tls::{TlsError, Trust};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Error as ClientError;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The longest answer that is read. Catalogues of large clouds have some hundred KiB.
const ANSWER_LIMIT: usize = 4 << 20;
/// No caller is kept waiting for longer, whatever is repeated.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls at once. Others wait for their turn.
const AT_ONCE: usize = 64;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    /// No connection, or it broke.
    #[error("it cannot be reached")]
    Unreachable(#[source] ClientError),
    /// The connection broke in the answer.
    #[error("its answer broke off")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is longer than any that makes sense.
    #[error("its answer has more than {ANSWER_LIMIT} bytes")]
    TooLong,
    /// No answer in time.
    #[error("it does not answer in {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// It, or somebody in front of it, cannot do it now.
    #[error("it is in trouble: status {0}")]
    Trouble(u16),
    /// It did not answer the last call, and another call is finding out whether it is back.
    #[error("it is being waited for")]
    Waiting,
    /// No call was over in time to make place for this one.
    #[error("too many tokens are being asked about")]
    Crowded,
    /// The call cannot be made at all.
    #[error("the request cannot be made")]
    Request(#[source] hyper::http::Error),
}

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// What follows the base.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) body: Bytes,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Whether `url` can be what the addresses of calls begin with: `http(s)://HOST[:PORT][/PATH]`.
pub(crate) fn is_base(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && !url.contains(['?', '#', ' '])
}

/// Where to call, and how.
pub(crate) struct Peer<'a> {
    /// Its name, for the log.
    pub(crate) name: &'static str,
    /// Its address, without a slash at its end.
    pub(crate) base: &'a str,
    /// The longest that one attempt may take.
    pub(crate) attempt: Duration,
    /// How often it is repeated.
    pub(crate) retries: u32,
    /// A file of certificates to check its own against, instead of the system's.
    pub(crate) ca_file: Option<&'a Path>,
    /// Any certificate of its will do.
    pub(crate) insecure: bool,
}

/// The way to it.
pub(crate) struct Link {
    name: &'static str,
    client: Pooled<Connector, Full<Bytes>>,
    base: String,
    attempt: Duration,
    retries: u32,
    places: Semaphore,
    /// The last call had no answer.
    failing: AtomicBool,
    /// While that is so, one call at a time finds out whether it is over; nobody waits behind it.
    probe: Semaphore,
}

impl Link {
    /// No connection is made yet. Blocks to read the file of certificates.
    pub(crate) fn new(peer: &Peer<'_>) -> Result<Self, TlsError> {
        let tls = Trust {
            ca_file: peer.ca_file,
            insecure: peer.insecure,
        };
        Ok(Self {
            client: Pooled::new(connector(tls.config()?, peer.attempt)),
            name: peer.name,
            base: peer.base.to_owned(),
            attempt: peer.attempt,
            retries: peer.retries,
            places: Semaphore::new(AT_ONCE),
            failing: AtomicBool::new(false),
            probe: Semaphore::new(1),
        })
    }

    /// Makes a call, which must be one that may be repeated.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, LinkError> {
        let probe = match self.failing.load(Ordering::Relaxed) {
            true => Some(self.probe.try_acquire().map_err(|_| LinkError::Waiting)?),
            false => None,
        };
        let retries = match probe {
            Some(_) => 0,
            None => self.retries,
        };
        let end = Instant::now() + PATIENCE;
        // That many ask at once is no failure of its.
        let place = tokio::time::timeout_at(end, self.places.acquire()).await;
        let _place = place.map_err(|_| LinkError::Crowded)?;
        let outcome = tokio::time::timeout_at(end, self.persist(&call, retries))
            .await
            .unwrap_or(Err(LinkError::Timeout(PATIENCE)));
        // One question that it stumbles over must not keep others from asking theirs.
        let failing = matches!(&outcome, Err(error) if !matches!(error, LinkError::Trouble(500)));
        self.failing.store(failing, Ordering::Relaxed);
        outcome
    }

    async fn persist(&self, call: &Call<'_>, retries: u32) -> Result<Reply, LinkError> {
        let mut attempt = 0;
        loop {
            let outcome = tokio::time::timeout(self.attempt, self.once(call))
                .await
                .unwrap_or(Err(LinkError::Timeout(self.attempt)));
            match outcome {
                Err(error) if attempt < retries => {
                    attempt += 1;
                    log::debug!(
                        "{}: {error}; attempt {attempt} of {retries} more",
                        self.name
                    );
                    pause(attempt).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn once(&self, call: &Call<'_>) -> Result<Reply, LinkError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.target))
            .body(Full::new(call.body.clone()))
            .map_err(LinkError::Request)?;
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(ACCEPT, json.clone());
        if !call.body.is_empty() {
            headers.insert(CONTENT_TYPE, json);
        }
        headers.extend(call.headers.iter().cloned());
        let response = self
            .client
            .request(request)
            .await
            .map_err(LinkError::Unreachable)?;
        let status = response.status().as_u16();
        if matches!(status, 429 | 500 | 502..=504) {
            return Err(LinkError::Trouble(status));
        }
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => LinkError::TooLong,
            false => LinkError::Cut(error),
        })?;
        Ok(Reply {
            status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}
