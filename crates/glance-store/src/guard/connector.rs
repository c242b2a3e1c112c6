//! Connections to checked addresses only.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::{AddressError, Guard, Refusal};

/// How long one of several addresses is tried.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);

/// Connects to what a guard allows: the name is resolved here, each address is checked, and the
/// connection goes to one of those. There is no second lookup that could say something else.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    guard: Arc<Guard>,
    timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// There must not be one.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be made.
    #[error("cannot connect")]
    Failed(#[source] io::Error),
}

impl GuardedConnector {
    /// Connections must be there after `timeout`, resolving included.
    pub(crate) fn new(guard: Arc<Guard>, timeout: Duration) -> Self {
        Self { guard, timeout }
    }

    async fn connect(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let host = uri.host().ok_or(Refusal::Malformed)?;
        let https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let addresses = self
            .guard
            .addresses(host, port)
            .await
            .map_err(|error| match error {
                AddressError::Refused(refusal) => ConnectError::Refused(refusal),
                AddressError::Unresolved(error) => ConnectError::Failed(error),
            })?;
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match timeout(LONGEST_ATTEMPT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(ConnectError::Failed)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(ConnectError::Failed(failure))
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            match timeout(connector.timeout, connector.connect(&uri)).await {
                Ok(connected) => connected.map(TokioIo::new),
                Err(_) => Err(ConnectError::Failed(io::ErrorKind::TimedOut.into())),
            }
        })
    }
}
