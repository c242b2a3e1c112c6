//! Requests to servers that the operator configured.

use std::fmt;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use glance_net::client::{Connector, Pooled, connector};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use hyper_util::client::legacy;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::outgoing::Fed;
pub(crate) use super::outgoing::Outgoing;
use super::tls::Trust;
use crate::data::{Batch, BatchStream};
use crate::error::{StartError, StoreError};

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum NetError {
    /// No connection, or it ended before the answer.
    #[error("the server cannot be reached")]
    Unreachable(#[source] legacy::Error),
    /// Nothing came, or nothing was taken, for too long.
    #[error("the server is silent for too long")]
    Silent,
    /// More came than any sensible answer has.
    #[error("an answer of the server is too long")]
    TooLong,
}

impl From<NetError> for StoreError {
    fn from(error: NetError) -> Self {
        Self::Unavailable(io::Error::other(error))
    }
}

/// Sends requests and keeps connections. Clones share them.
#[derive(Clone)]
pub(crate) struct ServerClient {
    client: Pooled<Connector, Outgoing>,
    patience: Duration,
}

impl fmt::Debug for ServerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerClient").finish_non_exhaustive()
    }
}

impl ServerClient {
    /// A client whose servers may take `patience` for each step. No connection is made yet. Blocks
    /// to read certificates.
    pub(crate) fn new(trust: Trust<'_>, patience: Duration) -> Result<Self, StartError> {
        let connector = connector(trust.config()?, CONNECT.min(patience));
        Ok(Self {
            client: Pooled::new(connector),
            patience,
        })
    }

    /// How long a server may take for each step.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The head of the answer, and its body on its way. For bodies that are there already: taking
    /// one and answering must be over after the client's patience, twice for a body.
    pub(crate) async fn send(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, NetError> {
        let steps = if hyper::body::Body::is_end_stream(request.body()) {
            1
        } else {
            2
        };
        timeout(self.patience * steps, self.client.request(request))
            .await
            .map_err(|_| NetError::Silent)?
            .map_err(NetError::Unreachable)
    }

    /// Sends `source` as the body of a request and gives the answer.
    ///
    /// The last batch goes on its way only when the source has ended well, so a server never has a
    /// whole body of a source that fails; its error is told as it is. Only time in which the server
    /// could do something counts against its patience. Holds two batches.
    pub(crate) async fn send_stream(
        &self,
        head: Parts,
        mut source: BatchStream,
        length: Option<u64>,
    ) -> Result<Response<Incoming>, StoreError> {
        let (feed, fed) = mpsc::channel(1);
        let request = Request::from_parts(head, Outgoing::fed(fed, length));
        let mut answer = pin!(self.client.request(request));
        let mut held: Option<Batch> = None;
        loop {
            let next = tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer.map_err(NetError::Unreachable)?),
                next = source.next() => next.transpose()?,
            };
            let ended = next.is_none();
            for fed in [
                std::mem::replace(&mut held, next).map(Fed::Batch),
                ended.then_some(Fed::End),
            ]
            .into_iter()
            .flatten()
            {
                tokio::select! {
                    biased;
                    answer = &mut answer => return Ok(answer.map_err(NetError::Unreachable)?),
                    taken = timeout(self.patience, feed.send(fed)) => {
                        // A body that is gone is explained by the answer.
                        let _ = taken.map_err(|_| NetError::Silent)?;
                    }
                }
            }
            if ended {
                break;
            }
        }
        let answer = timeout(self.patience, answer).await;
        let answer = answer.map_err(|_| NetError::Silent)?;
        Ok(answer.map_err(NetError::Unreachable)?)
    }
}
