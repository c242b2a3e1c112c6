//! What a client is told at its start.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use rustls::ClientConfig;

use crate::caller::Forwarding;
use crate::registries::Registries;

/// Where the registries are and what they are told about callers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which there are. Clients that share this know of each other's experiences.
    pub registries: Arc<Registries>,
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
pub struct SharedSecret(pub(crate) HeaderValue);

impl SharedSecret {
    /// None if the text cannot stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}
