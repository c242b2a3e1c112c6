//! Which certificates of servers are believed.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

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
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| self.wrong(&format!("TLS cannot be set up: {error}")))?;
        let roots = match self.ca_file {
            Some(file) => self.from_file(file)?,
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

    fn from_file(self, file: &Path) -> Result<RootCertStore, StartError> {
        let wrong = |reason: &str| self.wrong(&format!("{}: {reason}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&error.to_string()))?;
        let mut roots = RootCertStore::empty();
        let (good, _) = roots.add_parsable_certificates(certificates);
        if good == 0 {
            return Err(wrong("there is no certificate in it"));
        }
        Ok(roots)
    }

    fn wrong(self, reason: &str) -> StartError {
        StartError::new(self.option, reason)
    }
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
