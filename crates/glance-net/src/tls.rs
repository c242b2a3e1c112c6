//! Which certificates of servers are believed.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use thiserror::Error as ThisError;

/// What the operator says about servers' certificates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// Only these certificates, instead of the system's: a file in PEM form.
    pub ca_file: Option<&'a Path>,
    /// Any certificate, if no file is named.
    pub insecure: bool,
}

/// Why TLS cannot be had as configured. Names the file.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses.
    #[error("TLS cannot be set up")]
    Setup(#[source] Error),
}

impl Trust<'_> {
    /// TLS as a client that shows no certificate of its own. Blocks to read files.
    pub fn config(self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let roots = match self.ca_file {
            Some(file) => from_file(file)?,
            None if self.insecure => {
                let verifier = Arc::new(Unchecked(provider));
                let builder = builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier);
                return Ok(builder.with_no_client_auth());
            }
            None => from_system(),
        };
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn from_file(file: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |reason: String| TlsError::File {
        path: file.display().to_string(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(certificates);
    if good == 0 {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

fn from_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        log::warn!("the system has no certificates that servers could be checked against");
    }
    roots
}

/// Believes any certificate, if the operator insists; the handshake is checked all the same.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
