//! The pithos store: image data in Pithos, Synnefo's object store.
//!
//! An image is an object, cut by Pithos into blocks that are known by their hashes. A block is sent
//! only where Pithos lacks it; the image appears when its list of hashes is told, and is compared
//! with the hash that we have of it ourselves. Objects that are somebody's own (Plankton's images)
//! are read, shared and looked at with their users' tokens.
//!
//! Memory for each transfer: a download half a mebibyte; an upload two blocks (4 MiB each, unless
//! Pithos is configured otherwise), and up to `pithos_store_upload_parallel` + 1 as far as
//! `pithos_store_upload_memory` allows, which all uploads share; and about 300 bytes for each block
//! until the image is published.

mod account;
mod blocks;
mod download;
mod error;
mod facts;
mod hashing;
mod held;
mod object;
mod options;
mod place;
mod publish;
mod share;
mod upload;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use glance_config::PithosConfig;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use object::Blocks;
use options::Options;
use upload::Upload;

use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::net::client::ServerClient;
use crate::net::tls::Trust;
use crate::outliving;
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};
use crate::turns::Turns;

/// So many containers are known; then it begins anew.
const REMEMBERED: usize = 1_000;

/// Image data in Pithos.
pub struct PithosStore {
    inner: Arc<Inner>,
}

/// What uploads that outlive their caller share with the store.
struct Inner {
    client: ServerClient,
    options: Options,
    /// How containers, by account and name, cut objects into blocks.
    containers: Mutex<HashMap<(String, String), Blocks>>,
    turns: Turns,
}

impl PithosStore {
    /// Our name of the store, and Plankton's.
    pub const NAME: &'static str = "pithos";

    /// The store that `config` describes; no server is asked yet. Blocks to read certificates.
    pub fn open(config: &PithosConfig) -> Result<Self, StartError> {
        let trust = Trust {
            ca_file: config.pithos_store_cacert.as_deref(),
            insecure: config.pithos_store_insecure,
            option: "pithos_store_cacert",
        };
        let store = Self {
            inner: Arc::new(Inner {
                client: ServerClient::new(trust, config.timeout())?,
                options: Options::read(config)?,
                containers: Mutex::default(),
                turns: Turns::default(),
            }),
        };
        if !store.capabilities().add {
            log::warn!(
                "store pithos: no image can be added with a pithos_store_token without a \
                 pithos_store_account"
            );
        }
        Ok(store)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for PithosStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PithosStore")
            .field("container", &self.inner.options.container)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ImageStore for PithosStore {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schemes(&self) -> &'static [&'static str] {
        &[Self::NAME]
    }

    /// What is in the callers' own accounts cannot be listed.
    fn capabilities(&self) -> Capabilities {
        let options = &self.inner.options;
        let own = options.account.is_some() && options.token.is_some();
        Capabilities {
            add: own || options.token.is_none(),
            delete: true,
            range: true,
            list: own,
            share: true,
            open_files: false,
        }
    }

    async fn add(
        &self,
        id: &ImageId,
        data: ImageData,
        caller: &Identity,
    ) -> Result<Added, StoreError> {
        let (account, place) = self.inner.home(id, caller)?;
        let upload = Upload::new(self.inner.clone(), account, place, id);
        outliving::run(upload, data).await
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        caller: &Identity,
    ) -> Result<ImageData, StoreError> {
        let (account, place) = self.inner.find(location, caller)?;
        download::open(account, place, range).await
    }

    async fn stat(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<ImageStat, StoreError> {
        let (account, place) = self.inner.find(location, caller)?;
        let head = account.head(&place.container, &place.object).await?;
        let head = head.ok_or(StoreError::NotFound)?;
        Ok(ImageStat {
            size: Some(head.size),
            // Pithos' hash, which is no MD5, is among the facts.
            checksum: None,
            object: Some(head.facts),
        })
    }

    async fn delete(&self, location: &LocationUrl, caller: &Identity) -> Result<(), StoreError> {
        let (account, place) = self.inner.find(location, caller)?;
        match account.delete(&place.container, &place.object).await? {
            true => Ok(()),
            false => Err(StoreError::NotFound),
        }
    }

    fn metadata(&self, _: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, id: &ImageId, caller: &Identity) -> Result<(), StoreError> {
        let (account, place) = self.inner.home(id, caller)?;
        account.delete(&place.container, &place.object).await?;
        Ok(())
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        caller: &Identity,
    ) -> Result<(), StoreError> {
        let (account, place) = self.inner.find(location, caller)?;
        share::set(&account, &place, readers).await
    }

    fn list(&self) -> HeldStream<'_> {
        match self.inner.held() {
            Ok(held) => Box::pin(held),
            Err(error) => Box::pin(stream::iter([Err(error)])),
        }
    }

    /// There is nothing to remove: blocks without an object are Pithos' own to remove.
    async fn sweep(&self, _: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests;
