//! The one trait behind which image data is kept, and the words it uses.

use std::fmt;

use async_trait::async_trait;
use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
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
}

/// A part of the data: `length` bytes from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes, at least one.
    pub length: u64,
}

/// What a store knows of data that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageStat {
    /// Bytes, where the store can know it.
    pub size: Option<u64>,
    /// The store's own checksum of the data, where it has one.
    pub checksum: Option<String>,
}

/// A place where image data is kept.
///
/// Every implementation passes the conformance suite, which states these promises as tests.
#[async_trait]
pub trait ImageStore: fmt::Debug + Send + Sync + 'static {
    /// Glance's name of the store, as in `x-image-meta-store`: `file`, `swift`, …
    fn name(&self) -> &'static str;

    /// The schemes of the locations it serves, the one it writes first. They are other names of the
    /// store too, as in Glance (`filesystem`).
    fn schemes(&self) -> &'static [&'static str];

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Keeps `data` as the data of image `id` and says where.
    ///
    /// Creates only: [`StoreError::Duplicate`] if the image has data already, which stays as it is.
    /// On success the data is whole and durable. After an error, or when the future is dropped,
    /// nothing half-written can be read and nothing is left behind.
    async fn add(&self, id: &ImageId, data: ImageData) -> Result<LocationUrl, StoreError>;

    /// The data at `location`, or a part of it that lies within it. The size of the answer is known
    /// whenever the store can know it.
    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
    ) -> Result<ImageData, StoreError>;

    /// What is known of the data at `location` without reading it.
    async fn stat(&self, location: &LocationUrl) -> Result<ImageStat, StoreError>;

    /// Deletes the data at `location`. [`StoreError::NotFound`] if there is none, so that the caller
    /// decides whether that matters. Readers that have it open read on.
    async fn delete(&self, location: &LocationUrl) -> Result<(), StoreError>;

    /// What the operator noted about the place of `location`, for those who reach it themselves (a
    /// hypervisor that mounts the same directory). Empty where nothing was noted.
    fn metadata(&self, location: &LocationUrl) -> Map<String, Value>;

    /// Removes whatever an interrupted `add` of image `id` left, published or not. Succeeds when
    /// there is nothing. Only for images that no registry calls active.
    async fn discard(&self, id: &ImageId) -> Result<(), StoreError>;
}
