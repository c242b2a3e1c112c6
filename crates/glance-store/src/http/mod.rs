//! The read-only store of outside sources: `http://` and `https://` locations.
//!
//! Every location was given by a user once, so each is fetched through the guard, whether it comes
//! from a request or from the database. Memory for each transfer: a batch of 256 KiB and as much
//! that the connection reads ahead, whatever the size of the image.

mod answer;
mod client;
mod download;
mod error;
mod probe;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use glance_config::ExternalConfig;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::guard::{ExternalUrl, Guard, Refusal};
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};

use client::HttpClient;
use download::Download;

/// Outside sources.
#[derive(Debug)]
pub struct HttpStore {
    client: HttpClient,
    minimum_rate: u64,
}

impl HttpStore {
    /// Glance's name of the store.
    pub const NAME: &'static str = "http";

    /// The store that `config` describes. Blocks to read certificates.
    pub fn open(config: &ExternalConfig) -> Result<Self, StartError> {
        Self::guarded(config, Guard::new(config))
    }

    fn guarded(config: &ExternalConfig, guard: Guard) -> Result<Self, StartError> {
        let client = HttpClient::new(config, Arc::new(guard))?;
        Ok(Self {
            client,
            minimum_rate: config.external_minimum_rate,
        })
    }

    /// Checks a URL that a user gives.
    pub fn check(&self, text: &str) -> Result<ExternalUrl, Refusal> {
        self.client.guard().check(text)
    }

    fn locate(&self, location: &LocationUrl) -> Result<ExternalUrl, StoreError> {
        self.client.check(location.expose()).map_err(|refusal| {
            log::warn!("a location is not followed: {refusal}");
            StoreError::BadLocation
        })
    }
}

#[async_trait]
impl ImageStore for HttpStore {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["http", "https"]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            add: false,
            delete: false,
            range: true,
            list: false,
            share: false,
            open_files: false,
        }
    }

    async fn add(&self, _: &ImageId, _: ImageData, _: &Identity) -> Result<Added, StoreError> {
        Err(StoreError::Unsupported)
    }

    /// What a source does not give in parts is read from its beginning and dropped up to the part.
    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        let url = self.locate(location)?;
        let download = Download::open(&self.client, &url, range, self.minimum_rate).await?;
        let (size, whole) = (download.size(), range.and(download.total()));
        Ok(ImageData::from_stream(size, download.into_stream()).part_of(whole))
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        let size = probe::size(&self.client, &self.locate(location)?).await?;
        Ok(ImageStat {
            size,
            checksum: None,
            object: None,
        })
    }

    async fn delete(&self, _: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }

    fn metadata(&self, _: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, _: &ImageId, _: &Identity) -> Result<(), StoreError> {
        Ok(())
    }

    async fn share(&self, _: &LocationUrl, _: &Readers, _: &Identity) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self) -> HeldStream<'_> {
        Box::pin(stream::iter([Err(StoreError::Unsupported)]))
    }

    async fn sweep(&self, _: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[cfg(test)]
mod nginx_tests;
#[cfg(test)]
mod tests;
