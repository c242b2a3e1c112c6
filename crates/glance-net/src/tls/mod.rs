//! TLS at both ends: which certificates are believed, which are shown, and how connections begin.

mod accept;
mod client;
mod key_pair;
mod pem;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::Error;
use rustls::crypto::{CryptoProvider, ring};
use thiserror::Error as ThisError;

pub use accept::HandshakeError;
pub use client::{Trust, no_trust};
pub use key_pair::{KeyPair, Shown};
pub use server::{ServerFiles, ServerTls};

/// Why TLS cannot be had as configured. Names the file.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{path}: {reason}")]
    File {
        /// What the file is for.
        part: Part,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses.
    #[error("TLS cannot be set up")]
    Setup(#[source] Error),
}

impl TlsError {
    /// Which file is to blame.
    pub fn part(&self) -> Part {
        match self {
            Self::File { part, .. } => *part,
            Self::Setup(_) => Part::Certificate,
        }
    }
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate that is shown to the other side.
    Certificate,
    /// Its private key.
    Key,
    /// The authorities whose certificates are believed.
    Authorities,
}

impl Part {
    /// As Glance's options name it, without a prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "cert_file",
            Self::Key => "key_file",
            Self::Authorities => "ca_file",
        }
    }
}

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
