//! A Pithos in memory behind the store's trait: accounts, versions, sharing, and failures on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use glance_core::pithos::PithosLocation;
use glance_core::timestamp::Timestamp;
use glance_store::data::ImageData;
use glance_store::error::StoreError;
use glance_store::store::{
    Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, ObjectFacts, Readers,
};
use serde_json::{Map, Value};

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) uuid: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) modified: Timestamp,
    pub(crate) readers: Vec<String>,
    pub(crate) writers: Vec<String>,
}

impl Object {
    fn facts(&self, may_write: bool) -> ObjectFacts {
        ObjectFacts {
            uuid: self.uuid.clone(),
            hash: hash(&self.bytes),
            version: self.version,
            modified: self.modified,
            may_write,
            readers: self.readers.clone(),
            writers: self.writers.clone(),
        }
    }
}

type Hook = Box<dyn FnOnce() + Send>;

/// What is to go wrong.
#[derive(Default)]
pub(crate) struct Trouble {
    /// Looking fails.
    pub(crate) stat: bool,
    /// Sharing fails.
    pub(crate) share: bool,
    /// Done after the next sharing.
    pub(crate) after_share: Option<Hook>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<PithosLocation, Object>,
    pub(crate) trouble: Trouble,
    pub(crate) deleted: usize,
    versions: u64,
}

/// The store. Clones share their objects.
#[derive(Clone, Default)]
pub(crate) struct Pithos {
    state: Arc<Mutex<State>>,
    /// Looks under way, and the most that there were.
    looks: Arc<AtomicUsize>,
    pub(crate) most_looks: Arc<AtomicUsize>,
    pub(crate) all_looks: Arc<AtomicUsize>,
    pub(crate) shares: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Pithos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pithos")
    }
}

/// `pithos://ACCOUNT/images/NAME`.
pub(crate) fn at(account: &str, name: &str) -> PithosLocation {
    PithosLocation {
        account: account.to_owned(),
        container: "images".to_owned(),
        object: name.to_owned(),
    }
}

/// 64 digits that depend on the data, as Pithos' hash has.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let half = format!("{:x}", md5::compute(bytes));
    format!("{half}{half}")
}

impl Pithos {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Uploads: a new version of what is there, else a new object.
    pub(crate) fn put(&self, place: &PithosLocation, bytes: &[u8]) -> String {
        let mut state = self.state();
        state.versions += 1;
        let version = state.versions;
        let new = Object {
            uuid: ImageId::generate().to_string(),
            bytes: Vec::new(),
            version,
            modified: Timestamp::now(),
            readers: Vec::new(),
            writers: Vec::new(),
        };
        let object = state.objects.entry(place.clone()).or_insert(new);
        object.bytes = bytes.to_vec();
        object.version = version;
        object.modified = Timestamp::now();
        object.uuid.clone()
    }

    pub(crate) fn object(&self, place: &PithosLocation) -> Object {
        self.state().objects[place].clone()
    }

    /// What a user does by himself in Pithos.
    pub(crate) fn change(&self, place: &PithosLocation, change: impl FnOnce(&mut Object)) {
        change(self.state().objects.get_mut(place).unwrap());
    }

    pub(crate) fn remove(&self, place: &PithosLocation) {
        self.state().objects.remove(place).unwrap();
    }

    /// The object, and whether the caller may write it. Strangers are not told whether it is there.
    fn find(&self, url: &LocationUrl, caller: &Identity) -> Result<(Object, bool), StoreError> {
        let place: PithosLocation = url.expose().parse().map_err(|_| StoreError::BadLocation)?;
        let user = caller.owner().unwrap_or_default();
        let own = user == place.account;
        let Some(object) = self.state().objects.get(&place).cloned() else {
            return Err(if own {
                StoreError::NotFound
            } else {
                StoreError::Forbidden
            });
        };
        let among = |list: &[String]| list.iter().any(|one| one == user || one == "*");
        let writes = own || among(&object.writers);
        match writes || among(&object.readers) {
            true => Ok((object, writes)),
            false => Err(StoreError::Forbidden),
        }
    }
}

fn down() -> StoreError {
    StoreError::Unavailable(std::io::Error::other("told to fail"))
}

#[async_trait]
impl ImageStore for Pithos {
    fn name(&self) -> &'static str {
        "pithos"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["pithos"]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            add: true,
            delete: true,
            range: true,
            list: false,
            share: true,
            open_files: false,
        }
    }

    async fn add(&self, _: &ImageId, _: ImageData, _: &Identity) -> Result<Added, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        caller: &Identity,
    ) -> Result<ImageData, StoreError> {
        let (object, may_write) = self.find(location, caller)?;
        let facts = object.facts(may_write);
        let bytes = match range {
            Some(ByteRange { offset, length }) => {
                let (begin, length) = (offset as usize, length as usize);
                object.bytes[begin..begin + length].to_vec()
            }
            None => object.bytes,
        };
        let size = bytes.len() as u64;
        let batch = Ok(vec![bytes.into()]);
        Ok(ImageData {
            object: Some(facts),
            ..ImageData::from_stream(Some(size), stream::iter([batch]))
        })
    }

    async fn stat(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<ImageStat, StoreError> {
        self.all_looks.fetch_add(1, SeqCst);
        let looks = self.looks.fetch_add(1, SeqCst) + 1;
        self.most_looks.fetch_max(looks, SeqCst);
        // Long enough that others begin meanwhile.
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.looks.fetch_sub(1, SeqCst);
        if self.state().trouble.stat {
            return Err(down());
        }
        let (object, may_write) = self.find(location, caller)?;
        Ok(ImageStat {
            size: Some(object.bytes.len() as u64),
            checksum: None,
            object: Some(object.facts(may_write)),
        })
    }

    async fn delete(&self, _: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        self.state().deleted += 1;
        Ok(())
    }

    fn metadata(&self, _: &LocationUrl) -> Map<String, Value> {
        Map::new()
    }

    async fn discard(&self, _: &ImageId, _: &Identity) -> Result<(), StoreError> {
        self.state().deleted += 1;
        Ok(())
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        caller: &Identity,
    ) -> Result<(), StoreError> {
        self.shares.fetch_add(1, SeqCst);
        // Somebody else's change may fall in between.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let place: PithosLocation = location.expose().parse().unwrap();
        let mut state = self.state();
        if state.trouble.share {
            return Err(down());
        }
        if caller.owner() != Some(&place.account) {
            return Err(StoreError::Forbidden);
        }
        let hook = state.trouble.after_share.take();
        let object = state.objects.get_mut(&place).ok_or(StoreError::NotFound)?;
        // As Pithos' HTTP interface keeps it: everybody and nobody else, writers apart.
        object.readers = match readers.public {
            true => vec!["*".to_owned()],
            false => readers.tenants.clone(),
        };
        let writers = object.writers.clone();
        object.readers.retain(|reader| !writers.contains(reader));
        drop(state);
        if let Some(hook) = hook {
            hook();
        }
        Ok(())
    }

    fn list(&self) -> HeldStream<'_> {
        Box::pin(stream::iter([Err(StoreError::Unsupported)]))
    }

    async fn sweep(&self, _: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }
}
