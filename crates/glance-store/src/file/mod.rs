//! The file store: one file for an image in a directory, as Glance lays it out.
//!
//! `<datadir>/<image id>` appears whole and durable or not at all. Until then the data has no name
//! (or, where the file system cannot do that, one in `.incoming` that no location can name).

mod datadir;
mod failure;
mod incoming;
mod listing;
mod metadata;
mod output;
mod read;
#[cfg(test)]
mod tests;
mod upload;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use glance_config::{DataDir, StoreConfig};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use self::datadir::Datadir;
use self::metadata::Mountpoints;
use crate::data::ImageData;
use crate::error::{StartError, StoreError};
use crate::off_reactor::blocking;
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};

const SCHEMES: &[&str] = &[FileStore::NAME, "filesystem"];

/// What the file store must know.
#[derive(Clone, Debug, Default)]
pub struct FileStoreOptions {
    /// Where data is kept, the place to fill first being the first of the highest priority.
    pub datadirs: Vec<DataDir>,
    /// The mode of new files; none leaves it to the umask, within 0640.
    pub file_mode: Option<u32>,
    /// A JSON file that describes the directories to those who mount them, too.
    pub metadata_file: Option<PathBuf>,
}

impl From<&StoreConfig> for FileStoreOptions {
    fn from(config: &StoreConfig) -> Self {
        Self {
            datadirs: config.data_dirs(),
            file_mode: config.filesystem_store_file_perm.mode(),
            metadata_file: config.filesystem_store_metadata_file.clone(),
        }
    }
}

/// Image data in files. Clones share everything.
///
/// Every call works on the blocking pool; an upload holds one of its threads only while data comes.
/// A readable trace of every failure, with the path, goes to the log and nowhere else.
#[derive(Clone, Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The highest priority first.
    datadirs: Vec<Datadir>,
    live: RwLock<Live>,
    /// Held while a file gets its name, so that no image gets two in different directories.
    naming: Mutex<()>,
}

/// What can change while the store runs.
#[derive(Debug)]
struct Live {
    file_mode: Option<u32>,
    mountpoints: Mountpoints,
}

impl Live {
    fn read(options: &FileStoreOptions) -> Result<Self, StartError> {
        let mountpoints = match &options.metadata_file {
            Some(path) => Mountpoints::read(path)?,
            None => Mountpoints::default(),
        };
        Ok(Self {
            file_mode: options.file_mode,
            mountpoints,
        })
    }
}

impl FileStore {
    /// Its name, and the scheme of the locations that it writes.
    pub const NAME: &'static str = "file";

    /// Makes the directories that lack, removes what a killed process left, and is ready.
    ///
    /// Blocks; for the start of a program.
    pub fn open(options: &FileStoreOptions) -> Result<Self, StartError> {
        if options.datadirs.is_empty() {
            // Glance's words.
            return Err(StartError::new(
                "filesystem_store_datadir",
                "Specify at least 'filesystem_store_datadir' or 'filesystem_store_datadirs' option",
            ));
        }
        let option = match options.datadirs.len() {
            1 => "filesystem_store_datadir",
            _ => "filesystem_store_datadirs",
        };
        let live = Live::read(options)?;
        let mut datadirs = Vec::new();
        for dir in &options.datadirs {
            datadirs.push(Datadir::prepare(option, dir, options.file_mode)?);
        }
        datadirs.sort_by_key(|dir| std::cmp::Reverse(dir.priority));
        let shared = Shared {
            datadirs,
            live: RwLock::new(live),
            naming: Mutex::new(()),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Takes over the file mode and the metadata. After an error both are as before.
    pub fn reload(&self, options: &FileStoreOptions) -> Result<(), StartError> {
        let live = Live::read(options)?;
        *self
            .shared
            .live
            .write()
            .unwrap_or_else(PoisonError::into_inner) = live;
        Ok(())
    }

    /// Runs `work` with what is shared, where it may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || work(&shared)).await
    }
}

impl Shared {
    /// The directory and the image that a location names.
    ///
    /// Glance takes what follows `://` as the path, without decoding it. Only files that lie
    /// directly in a directory of ours and are named like an image are reached.
    fn locate(&self, location: &LocationUrl) -> Result<(&Datadir, ImageId), StoreError> {
        let (scheme, path) = location
            .expose()
            .split_once("://")
            .ok_or(StoreError::BadLocation)?;
        if !SCHEMES.contains(&scheme) {
            return Err(StoreError::BadLocation);
        }
        let path = Path::new(path);
        let parent = path.parent().ok_or(StoreError::BadLocation)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let id = name
            .and_then(|name| name.parse().ok())
            .ok_or(StoreError::BadLocation)?;
        let datadir = self.datadirs.iter().find(|dir| dir.path == parent);
        Ok((datadir.ok_or(StoreError::BadLocation)?, id))
    }

    fn file_mode(&self) -> Option<u32> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .file_mode
    }
}

#[async_trait]
impl ImageStore for FileStore {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            add: true,
            delete: true,
            range: true,
            list: true,
            share: false,
            open_files: true,
        }
    }

    async fn add(&self, id: &ImageId, data: ImageData, _: &Identity) -> Result<Added, StoreError> {
        let location = upload::add(&self.shared, id, data).await?;
        Ok(Added {
            location,
            checksum: None,
        })
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        let location = location.clone();
        self.run(move |shared| {
            let (datadir, id) = shared.locate(&location)?;
            let (file, size) = read::open(datadir, &id, range)?;
            Ok(ImageData::from_file(file).part_of(range.map(|_| size)))
        })
        .await
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        let location = location.clone();
        self.run(move |shared| {
            let (datadir, id) = shared.locate(&location)?;
            let size = read::size(datadir, &id)?;
            Ok(ImageStat {
                size: Some(size),
                checksum: None,
                object: None,
            })
        })
        .await
    }

    async fn delete(&self, location: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        let location = location.clone();
        self.run(move |shared| {
            let (datadir, id) = shared.locate(&location)?;
            // Asked first, so that only what could be read is deleted.
            read::size(datadir, &id)?;
            datadir.remove(&id)
        })
        .await
    }

    fn metadata(&self, location: &LocationUrl) -> Map<String, Value> {
        let Ok((datadir, id)) = self.shared.locate(location) else {
            return Map::new();
        };
        let live = self
            .shared
            .live
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        live.mountpoints.of(&datadir.path.join(id.as_str()))
    }

    async fn discard(&self, id: &ImageId, _: &Identity) -> Result<(), StoreError> {
        let id = id.clone();
        self.run(move |shared| {
            let mut result = Ok(());
            for datadir in &shared.datadirs {
                result = result.and(datadir.discard(&id));
            }
            result
        })
        .await
    }

    async fn share(&self, _: &LocationUrl, _: &Readers, _: &Identity) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self) -> HeldStream<'_> {
        listing::list(Arc::clone(&self.shared))
    }

    /// A file of an upload is locked for as long as somebody writes it, whenever that was last.
    async fn sweep(&self, _: Duration) -> Result<u64, StoreError> {
        self.run(|shared| {
            let mut removed = 0;
            for datadir in &shared.datadirs {
                removed += datadir.sweep()?;
            }
            Ok(removed)
        })
        .await
    }
}
