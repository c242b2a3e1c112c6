//! Which stores there are, and the one door through which image data goes in and out of them.

use std::io;
use std::sync::Arc;

use glance_config::{ApiConfig, StoreConfig};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use crate::data::{BatchStream, DataSource, ImageData};
use crate::error::{DataError, StartError, StoreError};
use crate::file::{FileStore, FileStoreOptions};
use crate::guard::{ExternalUrl, Refusal};
use crate::http::HttpStore;
use crate::md5::Md5Pool;
use crate::object::CloudStore;
use crate::pithos::PithosStore;
use crate::s3::S3Store;
use crate::store::{Added, ByteRange, ImageStat, ImageStore};
use crate::swift::SwiftStore;
use crate::tally::{Limits, Tally};
use crate::verified::Verified;
use crate::watched::watched;

/// The member of a location's metadata with the CRC-64/NVME of the data there, which we note where
/// data is read by us on its way out. Glance keeps such metadata and makes nothing of it.
const CRC: &str = "crc64nvme";

/// Where new data is, and what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is.
    pub location: LocationUrl,
    /// What the operator noted about that place, and what we do for
    /// [`verified`](Stores::verified): to be kept with the location.
    pub metadata: Map<String, Value>,
    /// Bytes.
    pub size: u64,
    /// MD5 as 32 lowercase hexadecimal digits.
    pub md5_hex: String,
}

/// The stores in use. Clones share them.
#[derive(Clone, Debug)]
pub struct Stores {
    stores: Vec<Arc<dyn ImageStore>>,
    default: Arc<dyn ImageStore>,
    /// Again, because it has options that can change while it runs.
    file: Option<Arc<FileStore>>,
    /// Again, because it says which URLs users may give.
    http: Option<Arc<HttpStore>>,
    md5: Md5Pool,
}

impl Stores {
    /// The stores that `config` names, ready for use; directories that lack are made, servers are
    /// not asked yet.
    ///
    /// Blocks; for the start of a program.
    pub fn open(config: &ApiConfig) -> Result<Self, StartError> {
        let mut stores: Vec<Arc<dyn ImageStore>> = Vec::new();
        let mut file = None;
        let mut http = None;
        let md5 = Md5Pool::new();
        for name in &config.store.stores.0 {
            match name.as_str() {
                FileStore::NAME => {
                    let store = FileStore::open(&FileStoreOptions::from(&config.store))?;
                    let store = Arc::new(store);
                    file = Some(Arc::clone(&store));
                    stores.push(watched(store));
                }
                HttpStore::NAME | "https" => {
                    // Not watched: each source is another server.
                    let store = Arc::new(HttpStore::open(&config.external)?);
                    http = Some(Arc::clone(&store));
                    stores.push(store);
                }
                CloudStore::GS => {
                    let store = CloudStore::gs(&config.object)?;
                    stores.push(watched(Arc::new(store)));
                }
                CloudStore::AZURE => {
                    let store = CloudStore::azure(&config.object)?;
                    stores.push(watched(Arc::new(store)));
                }
                S3Store::NAME => {
                    let store = S3Store::open(&config.s3, md5.clone())?;
                    stores.push(watched(Arc::new(store)));
                }
                PithosStore::NAME => {
                    let store = PithosStore::open(&config.pithos)?;
                    stores.push(watched(Arc::new(store)));
                }
                SwiftStore::NAME => {
                    let store = SwiftStore::open(&config.swift, md5.clone())?;
                    stores.push(watched(Arc::new(store)));
                }
                _ => {
                    log::warn!(
                        "stores: there is no store '{name}' in this version; it is left out"
                    );
                }
            }
        }
        Ok(Self {
            file,
            http,
            md5,
            ..Self::new(stores, &config.store.default_store)?
        })
    }

    /// These stores, one of which serves the scheme `default_store`.
    pub fn new(stores: Vec<Arc<dyn ImageStore>>, default_store: &str) -> Result<Self, StartError> {
        let default = find(&stores, default_store).cloned().ok_or_else(|| {
            let reason = format!("'{default_store}' is none of the stores in use");
            StartError::new("default_store", reason)
        })?;
        Ok(Self {
            stores,
            default,
            file: None,
            http: None,
            md5: Md5Pool::new(),
        })
    }

    /// Takes over what can change while data is on its way: the mode of new files and the
    /// directories' metadata. After an error everything is as before.
    ///
    /// Blocks to read a small file.
    pub fn reload(&self, config: &StoreConfig) -> Result<(), StartError> {
        match &self.file {
            Some(file) => file.reload(&FileStoreOptions::from(config)),
            None => Ok(()),
        }
    }

    /// Checks a URL that a user gives as the place of an image's data. Without an http store there
    /// is none that a user may give.
    pub fn check_external(&self, text: &str) -> Result<ExternalUrl, Refusal> {
        match &self.http {
            Some(http) => http.check(text),
            None if text.is_empty() => Err(Refusal::Empty),
            None => Err(Refusal::Scheme),
        }
    }

    /// The store for images whose caller names none.
    pub fn default_store(&self) -> &Arc<dyn ImageStore> {
        &self.default
    }

    /// The store that a caller names, by its name or one of its schemes.
    pub fn by_name(&self, name: &str) -> Result<&Arc<dyn ImageStore>, StoreError> {
        find(&self.stores, name).ok_or_else(|| StoreError::UnknownStore(name.to_owned()))
    }

    /// The store that serves the locations of a scheme.
    pub fn by_scheme(&self, scheme: &str) -> Result<&Arc<dyn ImageStore>, StoreError> {
        self.stores
            .iter()
            .find(|store| store.schemes().contains(&scheme))
            .ok_or_else(|| StoreError::UnknownStore(scheme.to_owned()))
    }

    /// The names of the stores, in the order in which they are configured.
    pub fn names(&self) -> Vec<&'static str> {
        self.stores.iter().map(|store| store.name()).collect()
    }

    /// Keeps `data` as the data of image `id` in `store`, with its size and MD5, which are computed
    /// here, once, beside the store's writing.
    ///
    /// [`DataError::WrongSize`] if `data.size` is known and other than what comes,
    /// [`DataError::TooLarge`] at the first byte over `size_cap`; in both cases nothing is kept.
    /// Otherwise as [`ImageStore::add`]: when this future is dropped, nothing is left.
    pub async fn add(
        &self,
        store: &Arc<dyn ImageStore>,
        id: &ImageId,
        data: ImageData,
        size_cap: Option<u64>,
        caller: &Identity,
    ) -> Result<Stored, StoreError> {
        let size = data.size;
        if let (Some(size), Some(cap)) = (size, size_cap)
            && size > cap
        {
            return Err(DataError::TooLarge(cap).into());
        }
        let limits = Limits {
            declared: size,
            cap: size_cap,
        };
        let read_again = !store.capabilities().open_files;
        let (tally, total) = Tally::new(data.into_stream(), limits, &self.md5, read_again);
        let data = ImageData::from_stream(size, tally);
        let Added { location, checksum } = store.add(id, data, caller).await?;
        let wrong = match (total.get(), checksum) {
            // A store that did not read to the end has not kept everything.
            (None, _) => "the store did not take all the data",
            (Some(total), Some(checksum)) if checksum != total.md5.to_string() => {
                "the store has another checksum than the data"
            }
            _ => "",
        };
        let Some(total) = total.get().filter(|_| wrong.is_empty()) else {
            log::error!("image {id}, store {}: {wrong}; it is removed", store.name());
            store.delete(&location, caller).await?;
            return Err(StoreError::Unavailable(io::Error::other(wrong)));
        };
        let mut metadata = store.metadata(&location);
        if let Some(crc) = total.crc {
            metadata.insert(CRC.to_owned(), crc.to_string().into());
        }
        Ok(Stored {
            metadata,
            location,
            size: total.size,
            md5_hex: total.md5.to_string(),
        })
    }

    /// The data at `location`; see [`ImageStore::get`].
    pub async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        caller: &Identity,
    ) -> Result<ImageData, StoreError> {
        let store = self.by_scheme(location.scheme())?;
        store.get(location, range, caller).await
    }

    /// The same data, which ends in an error before its last bytes are out unless it is what was
    /// kept there: by the CRC in its location's `metadata`, or else by its MD5, `checksum`. What lies
    /// in an open file is the file system's to keep, and passes as it is.
    pub fn verified(
        &self,
        data: ImageData,
        checksum: Option<&str>,
        metadata: &Map<String, Value>,
    ) -> ImageData {
        let source = match data.source {
            DataSource::Stream(source) => source,
            DataSource::File(_) => return data,
        };
        let crc = metadata.get(CRC).and_then(Value::as_str);
        let source: BatchStream = match (crc.and_then(|crc| crc.parse().ok()), checksum) {
            (Some(crc), _) => Box::pin(Verified::crc(source, crc)),
            (None, Some(md5)) if is_md5(md5) => Box::pin(Verified::md5(source, md5, &self.md5)),
            (None, _) => source,
        };
        ImageData {
            source: DataSource::Stream(source),
            ..data
        }
    }

    /// What is known of the data at `location`; see [`ImageStore::stat`].
    pub async fn stat(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<ImageStat, StoreError> {
        let store = self.by_scheme(location.scheme())?;
        store.stat(location, caller).await
    }

    /// Deletes the data at `location`; see [`ImageStore::delete`].
    pub async fn delete(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<(), StoreError> {
        let store = self.by_scheme(location.scheme())?;
        store.delete(location, caller).await
    }

    /// Whether any store has to be told with whom images are shared.
    pub fn share(&self) -> bool {
        self.stores.iter().any(|store| store.capabilities().share)
    }

    /// All of them, in the order in which they are configured.
    pub fn all(&self) -> &[Arc<dyn ImageStore>] {
        &self.stores
    }
}

/// Glance lets a caller declare anything for an image that is where a URL says.
fn is_md5(checksum: &str) -> bool {
    checksum.len() == 32 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn find<'a>(stores: &'a [Arc<dyn ImageStore>], name: &str) -> Option<&'a Arc<dyn ImageStore>> {
    stores
        .iter()
        .find(|store| store.name() == name || store.schemes().contains(&name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use tempfile::TempDir;

    use super::*;
    use crate::conformance::{bytes, collect, data, nobody};

    fn config(dir: &TempDir) -> ApiConfig {
        let mut config = ApiConfig::default();
        config.store.filesystem_store_datadir = Some(dir.path().to_path_buf());
        config
    }

    fn stores() -> (Stores, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Stores::open(&config(&dir)).unwrap(), dir)
    }

    #[test]
    fn knows_a_store_by_its_name_and_schemes() {
        let (stores, _dir) = stores();
        assert_eq!(stores.names(), ["file", "http"]);
        for name in ["file", "filesystem"] {
            assert_eq!(stores.by_name(name).unwrap().name(), "file");
            assert_eq!(stores.by_scheme(name).unwrap().name(), "file");
        }
        for name in ["", "swift", "FILE"] {
            let error = stores.by_name(name).unwrap_err();
            assert!(matches!(error, StoreError::UnknownStore(unknown) if unknown == name));
        }
    }

    #[test]
    fn an_unknown_default_store_is_an_error_at_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&dir);
        config.store.default_store = "swift".to_owned();
        let error = Stores::open(&config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "default_store: 'swift' is none of the stores in use"
        );
    }

    #[tokio::test]
    async fn tells_size_and_md5_of_what_it_keeps() {
        let (stores, _dir) = stores();
        let bytes = bytes(2_000_001);
        let stored = stores
            .add(
                stores.default_store(),
                &ImageId::generate(),
                data(&bytes, None),
                Some(2_000_001),
                &nobody(),
            )
            .await
            .unwrap();
        assert_eq!(stored.size, 2_000_001);
        assert_eq!(stored.md5_hex, format!("{:x}", ::md5::compute(&bytes)));
        let got = stores.get(&stored.location, None, &nobody()).await.unwrap();
        assert_eq!(
            stores.stat(&stored.location, &nobody()).await.unwrap().size,
            got.size
        );

        // What comes out of one store goes into another one.
        let copy = stores
            .add(
                stores.default_store(),
                &ImageId::generate(),
                got,
                None,
                &nobody(),
            )
            .await
            .unwrap();
        assert_eq!(copy.md5_hex, stored.md5_hex);
        let got = stores.get(&copy.location, None, &nobody()).await.unwrap();
        assert!(collect(got).await.unwrap() == bytes);
        stores.delete(&copy.location, &nobody()).await.unwrap();
        assert!(matches!(
            stores.stat(&copy.location, &nobody()).await,
            Err(StoreError::NotFound)
        ));
    }

    #[tokio::test]
    async fn holds_streams_to_their_crc_or_else_to_their_md5() {
        let (stores, _dir) = stores();
        let right = ("ae8b14860a799888", "25f9e794323b453885f5181f1b624d0b");
        let wrong = ("0000000000000000", "00000000000000000000000000000000");
        for (crc, md5, whole) in [
            (None, None, true),
            (None, Some(right.1), true),
            (None, Some(wrong.1), false),
            (None, Some("a word that a user declared"), true),
            (Some(right.0), None, true),
            (Some(right.0), Some(wrong.1), true),
            (Some(wrong.0), Some(right.1), false),
            (Some("no CRC"), Some(wrong.1), false),
        ] {
            let metadata = crc.map(|crc| (CRC.to_owned(), crc.into()));
            let metadata = metadata.into_iter().collect();
            let held = stores.verified(data(b"123456789", None), md5, &metadata);
            let got = collect(held).await;
            assert_eq!(
                got.is_ok_and(|got| got == b"123456789"),
                whole,
                "{crc:?} {md5:?}"
            );
        }
    }

    #[tokio::test]
    async fn keeps_nothing_over_the_cap() {
        let (stores, dir) = stores();
        for size in [None, Some(11)] {
            let id = ImageId::generate();
            let added = stores
                .add(
                    stores.default_store(),
                    &id,
                    data(&[1; 11], size),
                    Some(10),
                    &nobody(),
                )
                .await;
            assert!(matches!(
                added,
                Err(StoreError::Data(DataError::TooLarge(10)))
            ));
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn stops_reading_at_the_first_byte_too_many() {
        let (stores, dir) = stores();
        let endless = stream::repeat(()).map(|()| Ok(vec![Bytes::from_static(&[1; 100])]));
        let data = ImageData::from_stream(Some(150), endless);
        let added = stores
            .add(
                stores.default_store(),
                &ImageId::generate(),
                data,
                None,
                &nobody(),
            )
            .await;
        let Err(StoreError::Data(DataError::WrongSize {
            declared: 150,
            received: 200,
        })) = added
        else {
            panic!("{added:?}");
        };
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
