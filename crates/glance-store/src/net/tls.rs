//! Which certificates of servers are believed, and the option that says so.

use std::path::Path;

use glance_net::tls;
use rustls::ClientConfig;

use crate::error::StartError;

/// What the operator says about servers' certificates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// Only these certificates, instead of the system's.
    pub(crate) ca_file: Option<&'a Path>,
    /// Any certificate, if no file is named.
    pub(crate) insecure: bool,
    /// The option that names the file, for complaints.
    pub(crate) option: &'static str,
}

impl Trust<'_> {
    /// TLS as the operator wants it. Blocks to read files.
    pub(crate) fn config(self) -> Result<ClientConfig, StartError> {
        let trust = tls::Trust {
            ca_file: self.ca_file,
            insecure: self.insecure,
        };
        let config = trust.config();
        config.map_err(|error| StartError::new(self.option, error.to_string()))
    }
}
