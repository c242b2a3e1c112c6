//! Which certificates of servers are believed.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    WantsVerifier,
};

use super::pem::PemFile;
use super::{Part, Shown, TlsError, provider};

/// What the operator says about servers' certificates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// Only these certificates, instead of the system's: a file in PEM form.
    pub ca_file: Option<&'a Path>,
    /// Any certificate, if no file is named.
    pub insecure: bool,
}

impl Trust<'_> {
    /// TLS as a client that shows no certificate of its own. Blocks to read files.
    pub fn config(self) -> Result<ClientConfig, TlsError> {
        Ok(self.verifying()?.with_no_client_auth())
    }

    /// TLS as a client that shows servers a certificate, if they ask for one. Blocks to read files.
    pub fn config_showing(self, own: &Shown) -> Result<ClientConfig, TlsError> {
        let builder = self.verifying()?;
        Ok(builder.with_client_cert_resolver(own.resolver()))
    }

    fn verifying(self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
        let builder = builder()?;
        let roots = match self.ca_file {
            Some(path) => {
                let part = Part::Authorities;
                PemFile { part, path }.authorities()?
            }
            None if self.insecure => {
                let verifier = Arc::new(Unchecked(provider()));
                return Ok(builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier));
            }
            None => from_system(),
        };
        Ok(builder.with_root_certificates(roots))
    }
}

/// TLS that believes no server at all, for clients that are to speak without it.
pub fn no_trust() -> Result<ClientConfig, TlsError> {
    let builder = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(builder.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)
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
