//! Connects to a Unix socket as if it were a host.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};
use tower_service::Service;

/// How soon a socket is tried again on which too many wait to be accepted.
const AGAIN: Duration = Duration::from_millis(20);

/// Connects to one socket, whatever the URL says.
#[derive(Clone, Debug)]
pub struct UnixConnector {
    path: Arc<Path>,
    patience: Duration,
}

impl UnixConnector {
    /// A connector to the socket `path`, which has `patience` to accept.
    pub fn new(path: &Path, patience: Duration) -> Self {
        let path = path.into();
        Self { path, patience }
    }
}

impl Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (path, end) = (self.path.clone(), Instant::now() + self.patience);
        Box::pin(async move {
            timeout_at(end, connect(&path))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map(TokioIo::new)
        })
    }
}

/// A socket on which too many wait says so at once, other than TCP, where the system waits.
async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(AGAIN).await,
            outcome => return outcome,
        }
    }
}
