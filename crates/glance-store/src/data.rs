//! Image data on its way: a size, if known, and either a stream of batches or an open file.

use std::fmt;
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;

use crate::error::StoreError;
use crate::file_stream;
use crate::store::ObjectFacts;

/// Some hundred KiB of data in the pieces in which they arrived: one hop between threads each.
pub type Batch = Vec<Bytes>;

/// Batches in order. After an error the stream is over.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<Batch, StoreError>> + Send>>;

/// Data of an image, to be read once.
pub struct ImageData {
    /// Bytes that will come, if known.
    pub size: Option<u64>,
    /// Of data that is a part: bytes of the whole, where the store learned that on the way.
    pub whole: Option<u64>,
    /// Where they come from.
    pub source: DataSource,
    /// The object that they are of, as it was when its data began to come, where a store belongs to
    /// its users (Pithos): to be compared with the one that was meant. If the data goes on, it is
    /// that object's with that hash to its end.
    pub object: Option<ObjectFacts>,
}

/// Where data comes from.
pub enum DataSource {
    /// Batches as they arrive.
    Stream(BatchStream),
    /// A part of an open file, which the receiver may send without copying it.
    File(FileRange),
}

/// `length` bytes of an open file from `offset`. The file does not change while it is open.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The open file.
    pub file: Arc<File>,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

impl ImageData {
    /// Data that arrives as a stream.
    pub fn from_stream(
        size: Option<u64>,
        stream: impl Stream<Item = Result<Batch, StoreError>> + Send + 'static,
    ) -> Self {
        Self {
            size,
            whole: None,
            source: DataSource::Stream(Box::pin(stream)),
            object: None,
        }
    }

    /// The same data, which is this object's.
    pub(crate) fn of_object(self, object: ObjectFacts) -> Self {
        Self {
            object: Some(object),
            ..self
        }
    }

    /// Data that lies in an open file.
    pub fn from_file(range: FileRange) -> Self {
        Self {
            size: Some(range.length),
            whole: None,
            source: DataSource::File(range),
            object: None,
        }
    }

    /// The same, as a part of `whole` bytes, if that is known.
    pub fn part_of(self, whole: Option<u64>) -> Self {
        Self { whole, ..self }
    }

    /// The data as batches, wherever it comes from, for a receiver that cannot take a file.
    ///
    /// A file that turns out shorter than its range ends in an error, never early.
    pub fn into_stream(self) -> BatchStream {
        match self.source {
            DataSource::Stream(stream) => stream,
            DataSource::File(range) => file_stream::read(range),
        }
    }
}

impl fmt::Debug for ImageData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.source {
            DataSource::Stream(_) => "stream",
            DataSource::File(_) => "file",
        };
        f.debug_struct("ImageData")
            .field("size", &self.size)
            .field("whole", &self.whole)
            .field("source", &kind)
            .finish()
    }
}
