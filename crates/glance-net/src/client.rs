//! The pooled client and how it connects.

use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

/// How long a connection is kept for the next request; servers keep theirs for longer.
const IDLE: Duration = Duration::from_secs(20);

/// Bytes that a connection reads ahead of whoever takes them.
const READ_AHEAD: usize = 256 * 1024;

/// Connects to whatever address a name has, with TLS for https.
pub type Connector = HttpsConnector<HttpConnector>;

/// A connector whose addresses have `patience` to accept.
pub fn connector(tls: ClientConfig, patience: Duration) -> Connector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(patience));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector)
}

/// A client that keeps connections. Clones share them; it belongs to the runtime that first used it.
pub fn pooled<C, B>(connector: C) -> Client<C, B>
where
    C: Connect + Clone,
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_buf_size(READ_AHEAD)
        .build(connector)
}
