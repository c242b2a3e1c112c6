//! The connections of one client to one registry.

use std::time::Duration;

use bytes::Bytes;
use glance_net::client::{Connector, Pooled, connector};
use glance_net::unix::UnixConnector;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::ResponseFuture;
use rustls::ClientConfig;

use crate::address::Address;

/// Kept connections to one registry. Clones share them.
#[derive(Clone)]
pub(crate) enum Channel {
    Tcp(Pooled<Connector, Full<Bytes>>),
    Unix(Pooled<UnixConnector, Full<Bytes>>),
}

impl Channel {
    /// No connection is made yet; each will have `patience` to be made.
    pub(crate) fn new(address: &Address, tls: &ClientConfig, patience: Duration) -> Self {
        match address {
            Address::Url(_) => Self::Tcp(Pooled::new(connector(tls.clone(), patience))),
            Address::Socket(path) => Self::Unix(Pooled::new(UnixConnector::new(path, patience))),
        }
    }

    pub(crate) fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Tcp(client) => client.request(request),
            Self::Unix(client) => client.request(request),
        }
    }
}
