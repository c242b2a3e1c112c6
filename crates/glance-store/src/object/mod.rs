//! The stores gs and azure: Google Cloud Storage and Azure Blob Storage, through the crate
//! object_store.
//!
//! Locations are `gs://bucket/prefix/ID` and `azure://container/prefix/ID`; credentials are in the
//! configuration only.

mod attempt;
mod cloud;
mod download;
mod error;
mod open;
mod place;
mod publish;
mod token;
mod transport;
mod upload;

#[cfg(test)]
mod azurite_tests;
#[cfg(test)]
mod emulation;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::StreamExt;
use glance_config::ObjectConfig;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use object_store::path::Path;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::store::{
    Added, ByteRange, Capabilities, Held, HeldStream, ImageStat, ImageStore, Readers,
};
use cloud::{Cloud, Publishing};
use error::Act;
use place::Named;

/// Images in one bucket of Google's or one container of Azure's. Clones share the connections.
#[derive(Clone, Debug)]
pub struct CloudStore {
    cloud: Arc<Cloud>,
}

impl CloudStore {
    /// Glance's name would be this, had it such a store.
    pub const GS: &'static str = "gs";

    /// The name of the other one.
    pub const AZURE: &'static str = "azure";

    /// Google Cloud Storage as configured. The server is not asked yet. Blocks to read files.
    pub fn gs(config: &ObjectConfig) -> Result<Self, StartError> {
        open::gs(config).map(Self::new)
    }

    /// Azure Blob Storage as configured. The server is not asked yet. Blocks to read files.
    pub fn azure(config: &ObjectConfig) -> Result<Self, StartError> {
        open::azure(config).map(Self::new)
    }

    fn new(cloud: Cloud) -> Self {
        Self {
            cloud: Arc::new(cloud),
        }
    }

    /// Deletes what is below `prefix` and older than `idle`, and counts it.
    async fn clear(&self, prefix: &Path, idle: Duration) -> Result<u64, StoreError> {
        let now = SystemTime::now();
        let mut cleared = 0;
        let mut found = self.cloud.client.list(Some(prefix));
        while let Some(object) = found.next().await {
            let object = object.map_err(|error| self.cloud.told(Act::Read, &error))?;
            let age = now.duration_since(SystemTime::from(object.last_modified));
            if age.unwrap_or_default() < idle {
                continue;
            }
            match self.cloud.delete(&object.location).await {
                Ok(()) => cleared += 1,
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cleared)
    }
}

#[async_trait]
impl ImageStore for CloudStore {
    fn name(&self) -> &'static str {
        self.cloud.name
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.cloud.place.schemes
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            add: true,
            delete: true,
            range: true,
            list: true,
            share: false,
            open_files: false,
        }
    }

    async fn add(
        &self,
        id: &ImageId,
        data: ImageData,
        _caller: &Identity,
    ) -> Result<Added, StoreError> {
        upload::add(&self.cloud, id, data).await
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _caller: &Identity,
    ) -> Result<ImageData, StoreError> {
        let object = self.cloud.place.parse(location)?;
        download::get(&self.cloud, object, range).await
    }

    async fn stat(
        &self,
        location: &LocationUrl,
        _caller: &Identity,
    ) -> Result<ImageStat, StoreError> {
        let object = self.cloud.place.parse(location)?;
        let meta = self.cloud.head(&object).await?;
        Ok(ImageStat {
            size: Some(meta.size),
            // An ETag is an MD5 only sometimes, and nothing tells when.
            checksum: None,
            object: None,
        })
    }

    async fn delete(&self, location: &LocationUrl, _caller: &Identity) -> Result<(), StoreError> {
        let object = self.cloud.place.parse(location)?;
        self.cloud.delete(&object).await
    }

    fn metadata(&self, _location: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, id: &ImageId, _caller: &Identity) -> Result<(), StoreError> {
        match self.cloud.forget(&self.cloud.place.object(id)).await {
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
        if self.cloud.publishing == Publishing::Copy {
            let unfinished = self.cloud.place.unfinished_of(id);
            self.clear(&unfinished, Duration::ZERO).await?;
        }
        Ok(())
    }

    async fn share(
        &self,
        _location: &LocationUrl,
        _readers: &Readers,
        _caller: &Identity,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self) -> HeldStream<'_> {
        let place = &self.cloud.place;
        let objects = self.cloud.client.list(Some(place.prefix()));
        let held = objects.map(|object| {
            let object = object.map_err(|error| self.cloud.told(Act::Read, &error))?;
            Ok(match place.named(&object.location) {
                Named::Whole(id) => Held::Image {
                    location: place.location(&object.location),
                    id,
                    size: object.size,
                },
                Named::Unfinished(id) => Held::Unfinished {
                    id,
                    size: object.size,
                    touched: object.last_modified.into(),
                },
            })
        });
        Box::pin(held)
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        match self.cloud.publishing {
            // The library lists neither uploads in parts nor parts; the servers drop them.
            Publishing::Copy => self.clear(&self.cloud.place.unfinished(), idle).await,
            Publishing::CreateOnly => Ok(0),
        }
    }
}
