//! Which store, and where in it.

use std::sync::Arc;

use glance_core::crypt::CryptError;
use glance_core::location::LocationUrl;
use glance_store::store::ImageStore;

use super::{ImageService, ServiceError, Source};

impl ImageService {
    /// The store that data from `source` goes to: the named one or the default. None if no data is
    /// to be stored; a wrong name is an error even then, as in Glance.
    pub(super) fn store_for(
        &self,
        name: Option<&str>,
        source: &Source,
    ) -> Result<Option<Arc<dyn ImageStore>>, ServiceError> {
        let store = match name {
            Some(name) => self
                .stores
                .by_name(name)
                .map_err(|_| ServiceError::UnknownStore(name.to_owned()))?,
            None => self.stores.default_store(),
        };
        if !matches!(source, Source::Data(_) | Source::CopyFrom(_)) {
            return Ok(None);
        }
        if !store.capabilities().add {
            return Err(ServiceError::StoreCannotAdd);
        }
        Ok(Some(store.clone()))
    }

    /// A location as the registry keeps it: encrypted if there is a key.
    pub(super) fn encrypted(&self, url: &LocationUrl) -> Result<LocationUrl, CryptError> {
        match &self.metadata_key {
            Some(key) => key.encrypt(url.expose()).map(LocationUrl::new),
            None => Ok(url.clone()),
        }
    }

    /// A location as its store takes it. Locations from before there was a key are plain.
    pub(super) fn decrypted(&self, url: &LocationUrl) -> Result<LocationUrl, CryptError> {
        if url.expose().contains("://") {
            return Ok(url.clone());
        }
        let key = self.metadata_key.as_ref().ok_or(CryptError::NoKey)?;
        key.decrypt(url.expose()).map(LocationUrl::new)
    }
}
