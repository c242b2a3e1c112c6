//! The s3 store: image data in S3, or in what speaks its protocol.
//!
//! Memory for each upload: one part (10 MiB, unless the data needs larger ones), and as many more
//! as `s3_store_thread_pools` and `s3_store_upload_memory` let it have: 40 MiB with the defaults. A
//! download: half a mebibyte, and 40 MiB that are read ahead as far as there are 48 MiB for all of
//! them.

mod body;
mod client;
mod connector;
mod download;
mod etag;
mod failure;
mod listing;
mod location;
mod multipart;
mod object;
mod publish;
mod sizes;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use futures_util::{StreamExt, TryStreamExt, stream};
use glance_config::{S3Checksums, S3Config, Secret};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::md5::Md5Pool;
use crate::net::ahead::Ahead;
use crate::net::reading::Endurance;
use crate::net::tls::Trust;
use crate::parallel::Parallel;
use crate::store::{
    Added, ByteRange, Capabilities, Held, HeldStream, ImageStat, ImageStore, Readers,
};

use crate::turns::Turns;
use client::Clients;
use connector::S3HttpClient;
use failure::S3Error;
use location::{Endpoint, Keys, S3Location};
use multipart::Multipart;
use object::Object;
use sizes::Sizes;
use upload::Uploader;

/// How many breaks of one download are borne.
const BREAKS: u32 = 5;

/// Data in S3.
#[derive(Debug)]
pub struct S3Store {
    clients: Clients,
    endpoint: Endpoint,
    keys: Keys,
    bucket: String,
    uploader: Arc<Uploader>,
    endurance: Endurance,
    ahead: Ahead,
    create_bucket: bool,
    /// The bucket was there, or was made.
    bucket_known: AtomicBool,
    /// It was said that the server does not list uploads.
    untold: AtomicBool,
}

impl S3Store {
    /// Glance's name of the store.
    pub const NAME: &'static str = "s3";

    /// The store that `config` describes. The server is not asked yet. Blocks to read certificates.
    pub fn open(config: &S3Config, md5: Md5Pool) -> Result<Self, StartError> {
        let large = u64::from(config.s3_store_large_object_size.get()) << 20;
        let part = config.s3_store_large_object_chunk_size.bytes();
        Self::with_sizes(config, md5, Sizes::new(part, large))
    }

    fn with_sizes(config: &S3Config, md5: Md5Pool, sizes: Sizes) -> Result<Self, StartError> {
        let host = required("s3_store_host", config.s3_store_host.as_deref())?;
        let endpoint = Endpoint::parse(host)
            .ok_or_else(|| StartError::new("s3_store_host", "it is neither a host nor a URL"))?;
        let key = |option, key: &Option<Secret>| {
            required(option, key.as_ref().map(Secret::reveal)).map(Secret::new)
        };
        let trust = Trust {
            ca_file: config.s3_store_cacert.as_deref(),
            insecure: false,
            option: "s3_store_cacert",
        };
        let patience = config.timeout();
        let http = S3HttpClient::new(trust.config()?, patience);
        let memory = u64::from(config.s3_store_upload_memory) << 20;
        Ok(Self {
            clients: Clients::new(config, http),
            endpoint,
            keys: Keys {
                access: key("s3_store_access_key", &config.s3_store_access_key)?,
                secret: key("s3_store_secret_key", &config.s3_store_secret_key)?,
            },
            bucket: required("s3_store_bucket", config.s3_store_bucket.as_deref())?.to_owned(),
            uploader: Arc::new(Uploader {
                sizes,
                parallel: Parallel::weighed(config.s3_store_thread_pools.get(), memory),
                md5,
                turns: Turns::default(),
                checksums: config.s3_store_checksums == S3Checksums::WhenSupported,
            }),
            endurance: Endurance {
                patience,
                retries: BREAKS,
            },
            ahead: Ahead::default(),
            create_bucket: config.s3_store_create_bucket_on_put,
            bucket_known: AtomicBool::new(false),
            untold: AtomicBool::new(false),
        })
    }

    /// An object of our own bucket.
    fn own(&self, key: &str) -> Object {
        Object {
            client: self.clients.get(&self.endpoint, &self.keys, &self.bucket),
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            patience: self.endurance.patience,
        }
    }

    fn own_url(&self, key: &str) -> LocationUrl {
        let location = S3Location {
            endpoint: self.endpoint.clone(),
            keys: Some(self.keys.clone()),
            bucket: self.bucket.clone(),
            object: key.to_owned(),
        };
        location.to_url()
    }

    /// The object that a location names. Our own keys are shown to our own server only.
    fn locate(&self, location: &LocationUrl) -> Result<Object, StoreError> {
        let location = S3Location::parse(location, &self.keys)?;
        let keys = match &location.keys {
            Some(keys) => keys,
            None if location.endpoint == self.endpoint => &self.keys,
            None => return Err(StoreError::BadLocation),
        };
        Ok(Object {
            client: self.clients.get(&location.endpoint, keys, &location.bucket),
            bucket: location.bucket,
            key: location.object,
            patience: self.endurance.patience,
        })
    }

    /// Makes the bucket if the operator wants that and it lacks.
    async fn ensure_bucket(&self, object: &Object) -> Result<(), StoreError> {
        if !self.create_bucket || self.bucket_known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let asked = object
            .client
            .head_bucket()
            .bucket(&object.bucket)
            .send()
            .await;
        match asked.map_err(|error| S3Error::new("HeadBucket", error)) {
            Ok(_) => {}
            Err(error) if error.is_missing() || error.is_missing_bucket() => {
                self.make_bucket(object).await?;
            }
            Err(error) => return Err(error.writing()),
        }
        self.bucket_known.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn make_bucket(&self, object: &Object) -> Result<(), StoreError> {
        let region = self.clients.region(&self.endpoint);
        // Amazon's first region must not be named here.
        let place = (region != "us-east-1").then(|| {
            let place = BucketLocationConstraint::from(region.as_str());
            CreateBucketConfiguration::builder()
                .location_constraint(place)
                .build()
        });
        let request = object.client.create_bucket().bucket(&object.bucket);
        let made = request.set_create_bucket_configuration(place).send().await;
        match made.map_err(|error| S3Error::new("CreateBucket", error)) {
            Ok(_) => log::info!("store s3: made the bucket"),
            // Another daemon was faster.
            Err(S3Error::Refused { code, .. }) if code == "BucketAlreadyOwnedByYou" => {}
            Err(error) => return Err(error.writing()),
        }
        Ok(())
    }

    /// Uploads that have not ended; none where the server does not tell, which is said once.
    async fn pending(&self, prefix: Option<&str>) -> Result<Vec<listing::Pending>, StoreError> {
        let own = self.own("");
        let pending = listing::pending(&own.client, &own.bucket, prefix).await;
        let pending = pending.map_err(S3Error::reading)?;
        if pending.is_none() && !self.untold.swap(true, Ordering::Relaxed) {
            log::warn!("store s3: the server does not list uploads, so none can be swept");
        }
        Ok(pending.unwrap_or_default())
    }

    async fn held(&self, pending: listing::Pending) -> Result<Held, StoreError> {
        let (size, touched) = pending.progress(&self.own(&pending.key)).await?;
        Ok(Held::Unfinished {
            id: pending.key.parse().ok(),
            size,
            touched,
        })
    }
}

#[async_trait]
impl ImageStore for S3Store {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schemes(&self) -> &'static [&'static str] {
        if self.endpoint.https {
            &["s3+https", "s3", "s3+http"]
        } else {
            &["s3", "s3+http", "s3+https"]
        }
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

    /// Published with `If-None-Match`. A server that does not heed it is asked before and after:
    /// then two uploads of one image at the same moment by two processes, which the registry's lease
    /// excludes, could both succeed.
    async fn add(&self, id: &ImageId, data: ImageData, _: &Identity) -> Result<Added, StoreError> {
        let object = self.own(id.as_str());
        self.ensure_bucket(&object).await?;
        let added = self.uploader.add(object, data).await;
        if added.is_err() {
            // It may be the bucket that is gone.
            self.bucket_known.store(false, Ordering::Relaxed);
        }
        Ok(Added {
            checksum: added?,
            location: self.own_url(id.as_str()),
        })
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        let object = self.locate(location)?;
        download::open(object, range, self.endurance, &self.ahead).await
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        let head = self.locate(location)?.head().await;
        let head = head.map_err(S3Error::reading)?;
        let head = head.ok_or(StoreError::NotFound)?;
        Ok(ImageStat {
            size: Some(head.size),
            checksum: head.md5(),
            object: None,
        })
    }

    async fn delete(&self, location: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        let object = self.locate(location)?;
        match object.head().await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(StoreError::NotFound),
            // Who may delete need not be allowed to look.
            Err(S3Error::Refused { status: 403, .. }) => {}
            Err(error) => return Err(error.writing()),
        }
        object.delete().await.map_err(S3Error::writing)
    }

    fn metadata(&self, _: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, id: &ImageId, _: &Identity) -> Result<(), StoreError> {
        let object = self.own(id.as_str());
        for pending in self.pending(Some(id.as_str())).await? {
            if pending.key == object.key {
                let (object, id) = (object.clone(), pending.upload);
                let aborted = Multipart { object, id }.abort().await;
                aborted.map_err(S3Error::writing)?;
            }
        }
        object.delete().await.map_err(S3Error::writing)
    }

    async fn share(&self, _: &LocationUrl, _: &Readers, _: &Identity) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self) -> HeldStream<'_> {
        let own = self.own("");
        let objects = listing::objects(&own.client, &own.bucket).map_ok(|listed| Held::Image {
            location: self.own_url(&listed.key),
            id: listed.key.parse().ok(),
            size: listed.size,
        });
        let uploads = stream::once(self.pending(None))
            .map_ok(|pending| stream::iter(pending.into_iter().map(Ok)))
            .try_flatten()
            .and_then(|pending| self.held(pending));
        Box::pin(objects.chain(uploads))
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        let mut swept = 0;
        for pending in self.pending(None).await? {
            let ours = pending.key.parse::<ImageId>().is_ok();
            if !ours || self.uploader.turns.is_taken(&pending.key) {
                continue;
            }
            // A clock that runs behind the server's makes everything young.
            let old = |touched: SystemTime| touched.elapsed().is_ok_and(|age| age >= idle);
            let object = self.own(&pending.key);
            if old(pending.initiated) && old(pending.progress(&object).await?.1) {
                let id = pending.upload;
                let aborted = Multipart { object, id }.abort().await;
                aborted.map_err(S3Error::writing)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

fn required<'a>(option: &'static str, value: Option<&'a str>) -> Result<&'a str, StartError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| StartError::new(option, "the s3 store needs it"))
}

#[cfg(test)]
mod tests;
