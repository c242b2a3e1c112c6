//! An authority of a story's own, the certificates that it signs, and clients that believe in it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

/// Who signs certificates. Its files are gone when it is dropped.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The certificate, in PEM form.
    pub cert_file: PathBuf,
    /// Its key, likewise.
    pub key_file: PathBuf,
}

impl Signed {
    /// Where certificate and key are, as options say it.
    pub fn paths(&self) -> (String, String) {
        let text = |path: &Path| path.display().to_string();
        (text(&self.cert_file), text(&self.key_file))
    }
}

impl Authority {
    /// One that nobody else believes in.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are no wrong names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let folder = TempDir::with_prefix("glance-story-").expect("a temporary directory");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a folder of ours");
        let issuer = Issuer::new(params, key);
        Self { issuer, folder }
    }

    /// Its own certificate, in PEM form.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes a certificate for this machine's loopback address, or makes it anew, in files of this
    /// name.
    pub fn sign(&self, name: &str) -> Signed {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).expect("names that can be in a certificate");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.expect("a certificate can be signed");
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let signed = Signed {
            cert_file: file("pem"),
            key_file: file("key"),
        };
        std::fs::write(&signed.cert_file, certificate.pem()).expect("a folder of ours");
        std::fs::write(&signed.key_file, key.serialize_pem()).expect("a folder of ours");
        signed
    }

    /// Clients who believe in it, and in nobody else.
    pub fn believers(&self) -> Tls {
        self.clients(None)
    }

    /// The same, who can show a certificate.
    pub fn believers_with(&self, own: &Signed) -> Tls {
        self.clients(Some(own))
    }

    fn clients(&self, own: Option<&Signed>) -> Tls {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca_file()) {
            roots.add(certificate).expect("an authority's certificate");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the usual versions")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_file(&own.key_file).expect("a key");
                let own = certificates(&own.cert_file);
                builder.with_client_auth_cert(own, key).expect("a pair")
            }
        };
        Tls(Arc::new(config))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_file_iter(file).expect("a file in PEM form");
    found.map(|found| found.expect("a certificate")).collect()
}

/// How a client speaks TLS.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// The handshake. That a server does not believe the client may show only in the first answer.
    pub(crate) fn greet(
        &self,
        mut tcp: TcpStream,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name of a host");
        let mut client =
            ClientConnection::new(self.0.clone(), name).map_err(std::io::Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(client, tcp))
    }
}
