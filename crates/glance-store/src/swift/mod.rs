//! The swift store: image data in OpenStack Swift.
//!
//! An image is an object with the image's id as its name. Large ones, and those of unknown size, are
//! static large objects: segments beside the image, which is a manifest of them; the image appears
//! when its manifest does. What Glance kept as dynamic large objects is read and deleted, too.
//!
//! Memory for each transfer: an upload in one piece half a mebibyte; an upload in segments two of 8
//! MiB each, and longer or more of them as far as `swift_store_upload_parallel` and
//! `swift_store_upload_memory` allow, which all uploads share; and 32 bytes for each segment. A
//! download half a mebibyte, and 40 MiB that are read ahead as far as there are 48 MiB for all of them.

mod account;
mod answer;
mod download;
mod error;
mod held;
mod location;
mod manifest;
mod names;
mod object;
mod options;
mod place;
mod publish;
mod remove;
mod segments;
mod share;
mod sign_on;
mod upload;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use glance_config::SwiftConfig;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::turns::Turns;
use download::Source;
use options::Options;
use sign_on::{Credentials, SignOn};
use upload::Upload;

use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::md5::Md5Pool;
use crate::net::ahead::Ahead;
use crate::net::client::ServerClient;
use crate::net::tls::Trust;
use crate::outliving;
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};

/// So many users' tokens are kept, and so many containers known; then it begins anew.
const REMEMBERED: usize = 1_000;

/// Image data in Swift.
pub struct SwiftStore {
    inner: Arc<Inner>,
}

/// What uploads that outlive their caller share with the store.
struct Inner {
    client: ServerClient,
    options: Options,
    md5: Md5Pool,
    sign_ons: Mutex<HashMap<Credentials, Arc<SignOn>>>,
    /// Containers of our own account that are there.
    containers: Mutex<HashSet<String>>,
    turns: Turns,
    ahead: Ahead,
    /// Uploads that run, by the object's name.
    running: Mutex<HashMap<String, u32>>,
    /// How many segments a manifest may list.
    manifest_limit: OnceCell<usize>,
}

impl SwiftStore {
    /// Glance's name of the store.
    pub const NAME: &'static str = "swift";

    /// The store that `config` describes; no server is asked yet. Parts are hashed in `md5`.
    ///
    /// Where the configuration tells no account, images in other accounts can still be read by their
    /// locations, and none can be added, as in Glance. Blocks to read files.
    pub fn open(config: &SwiftConfig, md5: Md5Pool) -> Result<Self, StartError> {
        let trust = Trust {
            ca_file: config.swift_store_cacert.as_deref(),
            insecure: config.swift_store_auth_insecure,
            option: "swift_store_cacert",
        };
        let store = Self::with(
            Options::read(config)?,
            ServerClient::new(trust, config.timeout())?,
            md5,
        );
        if !store.capabilities().add {
            log::error!(
                "store swift: no image can be added without swift_store_auth_address, \
                 swift_store_user and swift_store_key, or a swift_store_config_file"
            );
        }
        Ok(store)
    }

    fn with(options: Options, client: ServerClient, md5: Md5Pool) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                options,
                md5,
                sign_ons: Mutex::default(),
                containers: Mutex::default(),
                turns: Turns::default(),
                ahead: Ahead::default(),
                running: Mutex::default(),
                manifest_limit: OnceCell::new(),
            }),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SwiftStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftStore")
            .field("container", &self.inner.options.container)
            .field("multi_tenant", &self.inner.options.multi_tenant)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ImageStore for SwiftStore {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.inner.options.schemes()
    }

    /// What is in the tenants' own accounts cannot be listed.
    fn capabilities(&self) -> Capabilities {
        let options = &self.inner.options;
        let own = options.default.is_some();
        Capabilities {
            add: options.multi_tenant || own,
            delete: true,
            range: true,
            list: own && !options.multi_tenant,
            share: options.multi_tenant,
            open_files: false,
        }
    }

    async fn add(
        &self,
        id: &ImageId,
        data: ImageData,
        caller: &Identity,
    ) -> Result<Added, StoreError> {
        let (account, access) = self.inner.home(caller).await?;
        let place = self.inner.place(access, id);
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
        let source = Source {
            account,
            place,
            retries: self.inner.options.retries,
        };
        source.open(range, &self.inner.ahead).await
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
            checksum: head.checksum(),
            object: None,
        })
    }

    async fn delete(&self, location: &LocationUrl, caller: &Identity) -> Result<(), StoreError> {
        let (account, place) = self.inner.find(location, caller)?;
        if !remove::image(&account, &place.container, &place.object).await? {
            return Err(StoreError::NotFound);
        }
        if self.inner.owns(&place) {
            // Who may write into a container need not be let remove it.
            let removed = remove::container(&account, &place.container).await;
            if let Err(error) = removed {
                log::warn!("the container of a deleted image stays: {error}");
            }
        }
        Ok(())
    }

    fn metadata(&self, _: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, id: &ImageId, caller: &Identity) -> Result<(), StoreError> {
        let (account, access) = self.inner.home(caller).await?;
        let place = self.inner.place(access, id);
        remove::image(&account, &place.container, &place.object).await?;
        remove::prefix(&account, &place.container, &format!("{id}-")).await?;
        if self.inner.owns(&place) {
            remove::container(&account, &place.container).await?;
        }
        Ok(())
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        caller: &Identity,
    ) -> Result<(), StoreError> {
        if !self.inner.options.multi_tenant {
            return Ok(());
        }
        let (account, place) = self.inner.find(location, caller)?;
        let admins = &self.inner.options.admin_tenants;
        share::set(&account, &place.container, readers, admins).await
    }

    fn list(&self) -> HeldStream<'_> {
        let groups = match self.inner.groups() {
            Ok(groups) => groups,
            Err(error) => return Box::pin(stream::iter([Err(error)])),
        };
        let held = groups.map_ok(|group| stream::iter(self.inner.held(group).into_iter().map(Ok)));
        Box::pin(held.try_flatten())
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        if !self.capabilities().list {
            return Ok(0);
        }
        let mut groups = self.inner.groups()?.boxed();
        let mut swept = 0;
        while let Some(group) = groups.try_next().await? {
            swept += self.inner.sweep(&group, idle).await?;
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests;
