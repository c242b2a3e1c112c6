//! Files in PEM form.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Part, TlsError};

/// Reads a file for one purpose, and says what is wrong with it.
pub(super) struct PemFile<'a> {
    pub(super) part: Part,
    pub(super) path: &'a Path,
}

impl PemFile<'_> {
    pub(super) fn wrong(&self, reason: impl ToString) -> TlsError {
        TlsError::File {
            part: self.part,
            path: self.path.display().to_string(),
            reason: reason.to_string(),
        }
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        std::fs::read(self.path).map_err(|error| self.wrong(error))
    }

    /// All certificates in the file, at least one, in its order.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let text = self.read()?;
        let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|error| self.wrong(error))?;
        if found.is_empty() {
            return Err(self.wrong("there is no certificate in it"));
        }
        Ok(found)
    }

    /// The first private key in the file.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|error| match error {
            PemError::NoItemsFound => {
                self.wrong("there is no private key in it that needs no passphrase")
            }
            // Other texts could quote the file.
            _ => self.wrong("the private key in it cannot be read"),
        })
    }

    /// The certificates in the file as authorities; one that cannot be one is passed over.
    pub(super) fn authorities(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let (good, _) = roots.add_parsable_certificates(self.certificates()?);
        if good == 0 {
            return Err(self.wrong("there is no certificate in it"));
        }
        Ok(roots)
    }
}
