//! A certificate of our own with its key.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureScheme};

use super::pem::PemFile;
use super::{Part, TlsError, provider};

/// Where a certificate and its key are, both in PEM form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPair<'a> {
    /// The certificate, then those between it and its authority.
    pub cert_file: &'a Path,
    /// Its private key, without a passphrase.
    pub key_file: &'a Path,
}

impl KeyPair<'_> {
    /// Reads both files and compares them.
    pub(super) fn read(self) -> Result<Arc<CertifiedKey>, TlsError> {
        let certificate = PemFile {
            part: Part::Certificate,
            path: self.cert_file,
        };
        let key = PemFile {
            part: Part::Key,
            path: self.key_file,
        };
        let pair = CertifiedKey::from_der(certificate.certificates()?, key.key()?, &provider());
        let pair = pair.map_err(|error| match error {
            Error::InconsistentKeys(_) => key.wrong(format!(
                "it is not the key of the certificate in {}",
                self.cert_file.display()
            )),
            Error::InvalidCertificate(_) => certificate.wrong(error),
            error => key.wrong(error),
        })?;
        Ok(Arc::new(pair))
    }
}

/// What a client shows servers of itself. Clones are the same: a renewal counts for all of them,
/// from the next connection on.
#[derive(Clone, Debug)]
pub struct Shown(Arc<Renewable>);

#[derive(Debug)]
struct Renewable(RwLock<Arc<CertifiedKey>>);

impl Shown {
    /// Reads the files. Blocks.
    pub fn load(files: KeyPair<'_>) -> Result<Self, TlsError> {
        let current = RwLock::new(files.read()?);
        Ok(Self(Arc::new(Renewable(current))))
    }

    /// Reads the files again. Blocks. After an error everything stays as it was.
    pub fn reload(&self, files: KeyPair<'_>) -> Result<(), TlsError> {
        let renewed = files.read()?;
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        self.0.clone()
    }
}

impl ResolvesClientCert for Renewable {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
