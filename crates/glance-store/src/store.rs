//! The one trait behind which image data is kept, and the words it uses.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::Stream;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use glance_core::timestamp::Timestamp;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::StoreError;

/// What a store can do: asked before an image is reserved, so that a refusal leaves no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// New images can be added.
    pub add: bool,
    /// Data can be deleted.
    pub delete: bool,
    /// Parts of the data can be read.
    pub range: bool,
    /// What it holds can be listed.
    pub list: bool,
    /// Its own rules decide who may read, so it has to be told with whom an image is shared.
    pub share: bool,
    /// Data comes out of it as an open file, which goes out without being read by us.
    pub open_files: bool,
}

/// A part of the data: `length` bytes from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes, at least one.
    pub length: u64,
}

impl ByteRange {
    /// The last byte.
    pub(crate) fn last(self) -> u64 {
        self.offset.saturating_add(self.length).saturating_sub(1)
    }
}

/// What a store knows of data that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageStat {
    /// Bytes, where the store can know it.
    pub size: Option<u64>,
    /// The store's own checksum of the data, where it has one.
    pub checksum: Option<String>,
    /// What makes it an object of somebody's that may change, where it is one (Pithos).
    pub object: Option<ObjectFacts>,
}

/// What a store that belongs to its users tells the caller of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// The object's identity, lower case with dashes: it survives changes and moves.
    pub uuid: String,
    /// The store's hash of the data as it is now.
    pub hash: String,
    /// Counts every change of data and metadata.
    pub version: u64,
    /// When this version was made.
    pub modified: Timestamp,
    /// Whether the caller may change the object: its owner, or somebody with the right to write.
    pub may_write: bool,
    /// Who may read the object by its own sharing, `*` for everybody. Empty where a folder above it
    /// is what is shared.
    pub readers: Vec<String>,
    /// Who may also write it, likewise; nobody of them is among the readers.
    pub writers: Vec<String>,
}

/// Data that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Where it is.
    pub location: LocationUrl,
    /// The MD5 of all of it as 32 hexadecimal digits, where the server that keeps it tells one. The
    /// caller compares it with what was sent.
    pub checksum: Option<String>,
}

/// Who may read an image, besides its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Everybody.
    pub public: bool,
    /// These tenants.
    pub tenants: Vec<String>,
}

/// Something that a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The whole data of an image, or what looks like it.
    Image {
        /// Where it is.
        location: LocationUrl,
        /// The image by whose name it is kept. None: its name is not an image's.
        id: Option<ImageId>,
        /// Bytes.
        size: u64,
    },
    /// What an upload left that has not ended, or ended without removing it. It cannot be read.
    Unfinished {
        /// The image that it was meant for, if its name tells.
        id: Option<ImageId>,
        /// Bytes so far, where that is known.
        size: u64,
        /// When something was last added to it.
        touched: SystemTime,
    },
}

/// What a store holds, in no order. After an error the stream is over.
pub type HeldStream<'a> = Pin<Box<dyn Stream<Item = Result<Held, StoreError>> + Send + 'a>>;

/// A place where image data is kept.
///
/// Every implementation passes the conformance suite, which states these promises as tests.
///
/// `caller` is who asks. Stores that keep data in the caller's own account use its token; for the
/// others it has no meaning, because who may do what is decided before a store is called.
#[async_trait]
pub trait ImageStore: fmt::Debug + Send + Sync + 'static {
    /// Glance's name of the store, as in `x-image-meta-store`: `file`, `swift`, …
    fn name(&self) -> &'static str;

    /// The schemes of the locations it serves, the one it writes first. They are other names of the
    /// store too, as in Glance (`filesystem`).
    fn schemes(&self) -> &'static [&'static str];

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// How often it has failed since it last did its work, where that is counted.
    fn failures(&self) -> Option<u32> {
        None
    }

    /// Keeps `data` as the data of image `id` and says where.
    ///
    /// Creates only: [`StoreError::Duplicate`] if the image has data already, which stays as it is.
    /// On success the data is whole and durable. After an error, or when the future is dropped,
    /// nothing half-written can be read and nothing is left behind.
    async fn add(
        &self,
        id: &ImageId,
        data: ImageData,
        caller: &Identity,
    ) -> Result<Added, StoreError>;

    /// The data at `location`, or a part of it that lies within it. The size of the answer is known
    /// whenever the store can know it.
    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        caller: &Identity,
    ) -> Result<ImageData, StoreError>;

    /// What is known of the data at `location` without reading it.
    async fn stat(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<ImageStat, StoreError>;

    /// Deletes the data at `location`. [`StoreError::NotFound`] if there is none, so that the caller
    /// decides whether that matters. Readers of a file that have it open read on.
    async fn delete(&self, location: &LocationUrl, caller: &Identity) -> Result<(), StoreError>;

    /// What the operator noted about the place of `location`, for those who reach it themselves (a
    /// hypervisor that mounts the same directory). Empty where nothing was noted.
    fn metadata(&self, location: &LocationUrl) -> Map<String, Value>;

    /// Removes whatever an interrupted `add` of image `id` left, published or not. Succeeds when
    /// there is nothing. Only for images that no registry calls active.
    async fn discard(&self, id: &ImageId, caller: &Identity) -> Result<(), StoreError>;

    /// Lets exactly these read the data at `location` themselves, where the store has rules of its
    /// own ([`Capabilities::share`]). Who may write it, may as before. Elsewhere it does nothing.
    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        caller: &Identity,
    ) -> Result<(), StoreError>;

    /// Everything in the place that the store is configured for. One item, an error, where nothing
    /// can be listed ([`Capabilities::list`]).
    fn list(&self) -> HeldStream<'_>;

    /// Removes what uploads left unfinished to which nothing was added for `idle`, and tells how
    /// many they were. Data that can be read is never touched.
    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError>;
}
