//! One call: the request out, the answer in, and what its status means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Token;
use glance_core::wire;
use glance_net::client::{Connector, connector, pooled};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::{Caller, Forwarding};
use crate::calls::{self, CALLS};
use crate::error::{Failure, RegistryError};

/// The longest answer that is read: a thousand images with a thousand properties fit.
const ANSWER_LIMIT: usize = 64 << 20;

/// No metadata call is worth waiting longer for, whatever `registry_client_timeout` allows: the
/// caller gets 503 and may try again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the registry is and what it is told about callers.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://host:port` or `https://host:port`, without a slash at the end.
    pub base_url: String,
    /// Which registry is believed, and what is shown to it.
    pub tls: ClientConfig,
    /// What only our daemons know, if the registry wants it.
    pub secret: Option<SharedSecret>,
    /// `registry_client_timeout`; none waits as long as any call is worth it (10 seconds).
    pub timeout: Option<Duration>,
    /// What of the caller is passed on.
    pub forwarding: Forwarding,
}

/// What only our daemons know, as it stands in a header. Never printed.
#[derive(Clone, Debug)]
pub struct SharedSecret(HeaderValue);

impl SharedSecret {
    /// None if the text cannot stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

/// A client of the registry. Clones share their connections.
#[derive(Clone)]
pub struct RegistryClient {
    client: Client<Connector, Full<Bytes>>,
    base_url: String,
    secret: Option<SharedSecret>,
    wait: Duration,
    forwarding: Forwarding,
    vouching: Option<Vouching>,
}

/// Where the token is that vouches for callers, if there is one now. Must not wait.
pub type Vouching = Arc<dyn Fn() -> Option<Token> + Send + Sync>;

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryClient")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// A call before it is sent.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query, percent-encoded.
    pub(crate) target: String,
    pub(crate) body: Bytes,
    pub(crate) headers: &'a [(&'static str, String)],
    /// Our own token, which vouches for the caller.
    voucher: Option<Token>,
}

/// The header that tells our registry of a quota; nothing where there is none.
pub(crate) fn quota_header(name: &'static str, quota: Option<u64>) -> Vec<(&'static str, String)> {
    quota
        .map(|quota| (name, quota.to_string()))
        .into_iter()
        .collect()
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            body: Bytes::new(),
            headers: &[],
            voucher: None,
        }
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, RegistryError> {
        self.body = serde_json::to_vec(body)
            .map_err(RegistryError::malformed)?
            .into();
        Ok(self)
    }

    pub(crate) fn with(mut self, headers: &'a [(&'static str, String)]) -> Self {
        self.headers = headers;
        self
    }
}

impl RegistryClient {
    /// A client; no connection is made yet.
    pub fn new(options: &Options) -> Self {
        Self {
            client: pooled(connector(options.tls.clone(), CONNECT)),
            base_url: options.base_url.clone(),
            secret: options.secret.clone(),
            wait: options.timeout.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT),
            forwarding: options.forwarding,
            vouching: None,
        }
    }

    /// A caller's token may expire while his upload runs. A registry that no longer takes it is
    /// asked once more, with a token of our own in `X-Service-Token` that vouches for him:
    /// keystonemiddleware then accepts that the caller's has expired.
    pub fn vouched_by(self, vouching: Vouching) -> Self {
        Self {
            vouching: Some(vouching),
            ..self
        }
    }

    /// Sends a call and reads a JSON answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        caller: Caller<'_>,
        call: Call<'_>,
    ) -> Result<T, RegistryError> {
        let body = self.send(caller, call).await?;
        serde_json::from_slice(&body).map_err(RegistryError::malformed)
    }

    /// Sends a call and gives the body of a successful answer. A call that only reads is sent once
    /// more if the connection broke under it.
    pub(crate) async fn send(
        &self,
        caller: Caller<'_>,
        mut call: Call<'_>,
    ) -> Result<Bytes, RegistryError> {
        let repeatable = call.method == Method::GET;
        match self.send_in_time(caller, &call).await {
            Err(RegistryError::Unavailable(source)) if repeatable && !source.is::<Failure>() => {
                log::debug!("repeating {} {}: {source}", call.method, call.target);
                self.send_in_time(caller, &call).await
            }
            Err(RegistryError::Refused { status: 401, text }) => match self.voucher() {
                Some(voucher) => {
                    call.voucher = Some(voucher);
                    self.send_in_time(caller, &call).await
                }
                None => Err(RegistryError::Refused { status: 401, text }),
            },
            outcome => outcome,
        }
    }

    fn voucher(&self) -> Option<Token> {
        let vouching = self
            .vouching
            .as_ref()
            .filter(|_| self.forwarding.user_token);
        vouching.and_then(|token| token())
    }

    async fn send_in_time(
        &self,
        caller: Caller<'_>,
        call: &Call<'_>,
    ) -> Result<Bytes, RegistryError> {
        let running = CALLS.begin();
        let outcome = tokio::time::timeout(self.wait, self.send_once(caller, call))
            .await
            .unwrap_or_else(|_| {
                let failure = Failure::Timeout(self.wait.as_secs());
                Err(RegistryError::unavailable(failure))
            });
        running.end(calls::outcome(&outcome));
        outcome
    }

    async fn send_once(&self, caller: Caller<'_>, call: &Call<'_>) -> Result<Bytes, RegistryError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base_url, call.target))
            .body(Full::new(call.body.clone()))
            .map_err(RegistryError::malformed)?;
        let headers = request.headers_mut();
        if !call.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in call.headers {
            let value = HeaderValue::from_str(value).map_err(RegistryError::malformed)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        self.forwarding.apply(caller, headers);
        if let Some(SharedSecret(secret)) = &self.secret {
            let name = HeaderName::from_static(wire::REGISTRY_SECRET);
            headers.insert(name, secret.clone());
        }
        if let Some(voucher) = &call.voucher {
            let mut value =
                HeaderValue::from_str(voucher.expose()).map_err(RegistryError::malformed)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(wire::SERVICE_TOKEN), value);
        }
        let response = self
            .client
            .request(request)
            .await
            .map_err(RegistryError::unavailable)?;
        read(response).await
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<Bytes, RegistryError> {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED && wants_the_secret(&response) {
        // It is not the caller who is refused: he may try again when the files agree.
        return Err(RegistryError::unavailable(Failure::Secret));
    }
    let body = Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| match error.is::<LengthLimitError>() {
            true => RegistryError::malformed(Failure::TooLarge(ANSWER_LIMIT)),
            false => RegistryError::Unavailable(error),
        })?
        .to_bytes();
    if status.is_success() {
        return Ok(body);
    }
    if status.is_client_error() {
        let text = String::from_utf8_lossy(&body).into_owned();
        return Err(RegistryError::Refused {
            status: status.as_u16(),
            text,
        });
    }
    Err(RegistryError::unavailable(Failure::Status(status.as_u16())))
}

fn wants_the_secret<B>(response: &Response<B>) -> bool {
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    challenge.is_some_and(|challenge| challenge == wire::SECRET_CHALLENGE)
}
