//! TLS as a server: one certificate, renewed while connections run.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;

use super::pem::PemFile;
use super::{KeyPair, Part, TlsError, provider};

/// Where a server's certificates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFiles<'a> {
    /// What it shows.
    pub own: KeyPair<'a>,
    /// Set: every client must show a certificate that one of these authorities signed, as with
    /// Python's `CERT_REQUIRED`.
    pub ca_file: Option<&'a Path>,
}

/// TLS for accepted connections. Clones are the same: a renewal counts for all of them, from the
/// next connection on. HTTP/1.1 is all that is negotiated.
#[derive(Clone, Debug)]
pub struct ServerTls {
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl ServerTls {
    /// Reads the files. Blocks.
    pub fn load(files: ServerFiles<'_>) -> Result<Self, TlsError> {
        let current = Arc::new(RwLock::new(read(files)?));
        Ok(Self { current })
    }

    /// Reads the files again. Blocks. After an error everything stays as it was; connections that
    /// are made already stay in any case.
    pub fn reload(&self, files: ServerFiles<'_>) -> Result<(), TlsError> {
        let renewed = read(files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(files: ServerFiles<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    let own = files.own.read()?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?;
    let builder = match files.ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let file = PemFile {
                part: Part::Authorities,
                path,
            };
            let roots = Arc::new(file.authorities()?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            let verifier = verifier.map_err(|error| file.wrong(error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Sessions are resumed by what clients keep. A renewal ends them: its tickets have other keys.
    config.ticketer = Ticketer::new().map_err(TlsError::Setup)?;
    Ok(Arc::new(config))
}
