//! The connections of one client to one registry.

use std::time::Duration;

use bytes::Bytes;
use glance_net::client::{Connector, connector, pooled};
use glance_net::unix::UnixConnector;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::{Client, ResponseFuture};
use rustls::ClientConfig;

use crate::address::Address;

/// Kept connections to one registry. Clones share them.
#[derive(Clone)]
pub(crate) enum Channel {
    Tcp(Client<Connector, Full<Bytes>>),
    Unix(Client<UnixConnector, Full<Bytes>>),
}

impl Channel {
    /// No connection is made yet; each will have `patience` to be made.
    pub(crate) fn new(address: &Address, tls: &ClientConfig, patience: Duration) -> Self {
        match address {
            Address::Url(_) => Self::Tcp(pooled(connector(tls.clone(), patience))),
            Address::Socket(path) => Self::Unix(pooled(UnixConnector::new(path, patience))),
        }
    }

    pub(crate) fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Tcp(client) => client.request(request),
            Self::Unix(client) => client.request(request),
        }
    }
}
