//! One call: the request out, the answer in, and what its status means.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Token;
use glance_core::{json, wire};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::alike::{Alike, Question};
use crate::call::{Call, Repeat};
use crate::caller::{Caller, Forwarding};
use crate::calls::{self, CALLS};
use crate::channel::Channel;
use crate::error::{Failure, RegistryError};
use crate::failover::{Failed, Trace};
use crate::options::{Options, SharedSecret};
use crate::registries::{Registries, Registry, Tried};

/// The longest answer that is read: a thousand images with a thousand properties fit.
const ANSWER_LIMIT: usize = 64 << 20;

/// No metadata call is worth waiting longer for, whatever `registry_client_timeout` allows: the
/// caller gets 503 and may try again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long a connection may take to be made, and where there is somebody else to ask.
const CONNECT: Duration = Duration::from_secs(5);
const CONNECT_ONE: Duration = Duration::from_secs(1);

/// How often it is looked whether to wait on for an answer, after the first second.
const LOOK: Duration = Duration::from_millis(250);
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// A client of the registries. Clones share their connections.
#[derive(Clone)]
pub struct RegistryClient {
    pub(crate) registries: Arc<Registries>,
    /// In the order of the registries.
    pub(crate) channels: Arc<[Channel]>,
    pub(crate) wait: Duration,
    secret: Option<SharedSecret>,
    forwarding: Forwarding,
    vouching: Option<Vouching>,
    alike: Arc<Alike>,
}

/// Where the token is that vouches for callers, if there is one now. Must not wait.
pub type Vouching = Arc<dyn Fn() -> Option<Token> + Send + Sync>;

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryClient")
            .field("registries", &self.registries)
            .finish_non_exhaustive()
    }
}

impl RegistryClient {
    /// A client; no connection is made yet.
    pub fn new(options: &Options) -> Self {
        let registries = options.registries.clone();
        let wait = options.timeout.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        let connect = match registries.are_several() {
            true => CONNECT_ONE.min(wait / 2),
            false => CONNECT,
        };
        let channel = |registry: &Registry| Channel::new(&registry.address, &options.tls, connect);
        Self {
            channels: registries.iter().map(channel).collect(),
            registries,
            secret: options.secret.clone(),
            wait,
            forwarding: options.forwarding,
            vouching: None,
            alike: Arc::default(),
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
        json::from_slice(&body).map_err(RegistryError::malformed)
    }

    /// Sends a call and gives the body of a successful answer; that of one like it, if it only reads.
    pub(crate) async fn send(
        &self,
        caller: Caller<'_>,
        call: Call<'_>,
    ) -> Result<Bytes, RegistryError> {
        let end = Instant::now() + self.wait;
        if call.method != Method::GET {
            return self.send_vouched(caller, call, end).await;
        }
        let question = Question {
            identity: caller.identity.clone(),
            target: call.target.clone(),
            headers: call.headers.to_vec(),
        };
        let call = self.send_vouched(caller, call, end);
        self.alike.ask(question, self.wait / 2, call).await
    }

    async fn send_vouched(
        &self,
        caller: Caller<'_>,
        mut call: Call<'_>,
        end: Instant,
    ) -> Result<Bytes, RegistryError> {
        match self.send_somewhere(caller, &call, end).await {
            Err(RegistryError::Refused { status: 401, text }) => match self.voucher() {
                Some(voucher) => {
                    call.voucher = Some(voucher);
                    self.send_somewhere(caller, &call, end).await
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

    /// Sends a call to the registry `at`, which is among those `tried`, and waits for its answer
    /// until `end`; a call that may be repeated, not while another registry could give it.
    pub(crate) async fn attempt(
        &self,
        caller: Caller<'_>,
        call: &Call<'_>,
        at: usize,
        tried: Tried,
        end: Instant,
    ) -> Result<Bytes, Failed> {
        let (Some(registry), Some(channel)) = (self.registries.get(at), self.channels.get(at))
        else {
            return Err(Failed::answered(RegistryError::unavailable(
                Failure::Nobody,
            )));
        };
        let (running, attempt) = (CALLS.begin(), registry.begin());
        let answer = self.send_once(caller, call, registry, channel);
        let outcome = if call.repeat == Repeat::Always && self.registries.are_several() {
            self.unless_another_could(answer, registry, tried, call.patience, end)
                .await
        } else {
            let answer = timeout_at(end, answer).await;
            answer.unwrap_or_else(|_| Err(self.silent()))
        };
        let ended = calls::outcome(outcome.as_ref().err().map(|failed| &failed.error));
        running.end(ended);
        attempt.end(ended);
        if let Err(failed) = &outcome {
            self.learn(registry, failed);
        }
        outcome
    }

    /// Waits for an answer until `end`, but neither from a registry that is away nor longer than
    /// `patience` (half of the time there is) if another one answers.
    async fn unless_another_could(
        &self,
        answer: impl Future<Output = Result<Bytes, Failed>>,
        registry: &Registry,
        tried: Tried,
        patience: Option<Duration>,
        end: Instant,
    ) -> Result<Bytes, Failed> {
        let mut answer = pin!(answer);
        let began = Instant::now();
        let left = end.duration_since(began);
        let enough = began + patience.map_or(left / 2, |patience| patience.min(left));
        let mut look = enough.min(began + FIRST_LOOK);
        loop {
            if let Ok(answer) = timeout_at(look, &mut answer).await {
                return answer;
            }
            let now = Instant::now();
            let hopeless = now >= enough || self.registries.is_away(registry);
            if now >= end || (hopeless && self.registries.another_answers(tried)) {
                return Err(self.silent());
            }
            look = end.min(now + LOOK);
        }
    }

    fn silent(&self) -> Failed {
        Failed {
            error: RegistryError::unavailable(Failure::Timeout(self.wait.as_secs())),
            trace: Trace::Silent,
        }
    }

    /// What a failure says about the calls to come.
    fn learn(&self, registry: &Registry, failed: &Failed) {
        match failed.trace {
            Trace::Answered | Trace::Broken => {}
            Trace::Untouched if failed.error.is_refused_secret() => {
                self.registries.stumbled(registry);
            }
            Trace::Untouched => self.registries.left(registry, failed.error.reason()),
            Trace::Unable | Trace::Silent => self.registries.stumbled(registry),
        }
    }

    async fn send_once(
        &self,
        caller: Caller<'_>,
        call: &Call<'_>,
        registry: &Registry,
        channel: &Channel,
    ) -> Result<Bytes, Failed> {
        let request = self.request(caller, call, registry.address.base_url());
        let request = request.map_err(Failed::answered)?;
        let response = channel.request(request).await.map_err(|error| Failed {
            trace: match error.is_connect() {
                true => Trace::Untouched,
                false => Trace::Broken,
            },
            error: RegistryError::unavailable(error),
        })?;
        read(response).await
    }

    fn request(
        &self,
        caller: Caller<'_>,
        call: &Call<'_>,
        base_url: &str,
    ) -> Result<Request<Full<Bytes>>, RegistryError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{base_url}{}", call.target))
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
        Ok(request)
    }
}

impl Failed {
    pub(crate) fn answered(error: RegistryError) -> Self {
        let trace = Trace::Answered;
        Self { error, trace }
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<Bytes, Failed> {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED && wants_the_secret(&response) {
        // It is not the caller who is refused: he may try again when the files agree.
        return Err(Failed {
            error: RegistryError::unavailable(Failure::Secret),
            trace: Trace::Untouched,
        });
    }
    let body = Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| match error.is::<LengthLimitError>() {
            true => Failed::answered(RegistryError::malformed(Failure::TooLarge(ANSWER_LIMIT))),
            false => Failed {
                error: RegistryError::Unavailable(error),
                trace: Trace::Broken,
            },
        })?
        .to_bytes();
    if status.is_success() {
        return Ok(body);
    }
    if status.is_client_error() {
        let text = String::from_utf8_lossy(&body).into_owned();
        let status = status.as_u16();
        return Err(Failed::answered(RegistryError::Refused { status, text }));
    }
    Err(Failed {
        error: RegistryError::unavailable(Failure::Status(status.as_u16())),
        trace: match status {
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Trace::Unable,
            _ => Trace::Answered,
        },
    })
}

fn wants_the_secret<B>(response: &Response<B>) -> bool {
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    challenge.is_some_and(|challenge| challenge == wire::SECRET_CHALLENGE)
}
