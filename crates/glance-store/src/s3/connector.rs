//! The SDK's requests on our one HTTP client.
//!
//! The SDK's own clients would bring a second TLS stack; and none of its timeouts tells a server
//! that is silent from a caller who is slow. Here each step of the server has a deadline, and time
//! in which the caller's data is waited for does not count.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::config::RuntimeComponents;
use aws_sdk_s3::error::{BoxError, ConnectorError};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use bytes::Bytes;
use glance_net::client::{Connector, Pooled, connector};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The server did not do its next step in time.
#[derive(Debug, Error)]
#[error("the server is silent for too long")]
struct Silent;

/// Sends the SDK's requests and keeps connections. Clones share them.
#[derive(Clone)]
pub(super) struct S3HttpClient {
    client: Pooled<Connector, Taken>,
    patience: Duration,
}

impl S3HttpClient {
    /// A client whose servers may take `patience` for each step. No connection is made yet.
    pub(super) fn new(tls: ClientConfig, patience: Duration) -> Self {
        Self {
            client: Pooled::new(connector(tls, CONNECT.min(patience))),
            patience,
        }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let pulse = Arc::new(Pulse::default());
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?
            .map(|body| Taken {
                body,
                pulse: Arc::clone(&pulse),
            });
        let answer = self.client.request(request);
        tokio::pin!(answer);
        let mut beats = 0;
        let answer = loop {
            tokio::select! {
                answer = &mut answer => break answer.map_err(unanswered)?,
                () = sleep(self.patience) => {
                    // A server that takes what it is given, or waits for more of it, is not silent.
                    if !pulse.waits.load(Ordering::Relaxed)
                        && pulse.beats.load(Ordering::Relaxed) == beats
                    {
                        return Err(ConnectorError::timeout(Silent.into()));
                    }
                    beats = pulse.beats.load(Ordering::Relaxed);
                }
            }
        };
        let answer = answer.map(|body| SdkBody::from_body_1_x(Arriving::new(body, self.patience)));
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::user(error.into()))
    }
}

impl fmt::Debug for S3HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3HttpClient").finish_non_exhaustive()
    }
}

impl HttpConnector for S3HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for S3HttpClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn unanswered(error: legacy::Error) -> ConnectorError {
    if error.is_connect() {
        return ConnectorError::io(error.into()).never_connected();
    }
    ConnectorError::io(error.into())
}

/// What is seen of a request's body on its way.
#[derive(Debug, Default)]
struct Pulse {
    /// Pieces that went.
    beats: AtomicU64,
    /// The next piece is not there yet.
    waits: AtomicBool,
}

/// The body of a request.
struct Taken {
    body: SdkBody,
    pulse: Arc<Pulse>,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.pulse
            .waits
            .store(frame.is_pending(), Ordering::Relaxed);
        if frame.is_ready() {
            self.pulse.beats.fetch_add(1, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, which breaks when the server is silent in the middle of it.
struct Arriving {
    body: Incoming,
    patience: Duration,
    /// Runs while a piece is waited for.
    deadline: Pin<Box<Sleep>>,
    waits: bool,
}

impl Arriving {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            patience,
            deadline: Box::pin(sleep_until(Instant::now())),
            waits: false,
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waits = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        if !self.waits {
            self.waits = true;
            let deadline = Instant::now() + self.patience;
            self.deadline.as_mut().reset(deadline);
        }
        self.deadline.as_mut().poll(cx).map(|()| {
            let silent = io::Error::new(io::ErrorKind::TimedOut, Silent);
            Some(Err(silent))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
