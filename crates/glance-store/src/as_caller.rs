//! A store that keeps data in its callers' own accounts, as one that the conformance suite can ask:
//! the suite's callers have none.

use std::time::Duration;

use async_trait::async_trait;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::StoreError;
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};

/// A store for one caller, whoever asks.
#[derive(Debug)]
pub(crate) struct AsCaller<S> {
    pub(crate) store: S,
    pub(crate) caller: Identity,
    /// Those of its schemes that are tried.
    pub(crate) schemes: &'static [&'static str],
}

#[async_trait]
impl<S: ImageStore> ImageStore for AsCaller<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn add(&self, id: &ImageId, data: ImageData, _: &Identity) -> Result<Added, StoreError> {
        self.store.add(id, data, &self.caller).await
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        self.store.get(location, range, &self.caller).await
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        self.store.stat(location, &self.caller).await
    }

    async fn delete(&self, location: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        self.store.delete(location, &self.caller).await
    }

    fn metadata(&self, location: &LocationUrl) -> Map<String, Value> {
        self.store.metadata(location)
    }

    async fn discard(&self, id: &ImageId, _: &Identity) -> Result<(), StoreError> {
        self.store.discard(id, &self.caller).await
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        _: &Identity,
    ) -> Result<(), StoreError> {
        self.store.share(location, readers, &self.caller).await
    }

    fn list(&self) -> HeldStream<'_> {
        self.store.list()
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        self.store.sweep(idle).await
    }
}
