//! Tries a store out: writes, reads, reads a part of and deletes a small object.

use std::fmt;
use std::io;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use thiserror::Error;

use crate::data::{Batch, ImageData};
use crate::error::StoreError;
use crate::store::{ByteRange, ImageStore};

/// Bytes that are written: more than one read, less than one part.
const LENGTH: u32 = 300_001;

/// The part that is read.
const PART: ByteRange = ByteRange {
    offset: 70_000,
    length: 130_000,
};

/// What a store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Keep an object.
    Write,
    /// Tell of it.
    Stat,
    /// Give it back.
    Read,
    /// Give a part of it back.
    Range,
    /// Remove it.
    Delete,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Stat => "stat",
            Self::Read => "read",
            Self::Range => "range",
            Self::Delete => "delete",
        })
    }
}

/// Where a store failed.
#[derive(Debug, Error)]
#[error("{step} fails")]
pub struct CheckError {
    /// What it was asked to do.
    pub step: Step,
    /// What came of it.
    pub source: StoreError,
}

/// Does every step that the store can do, in their order, and tells which they were. Nothing is left
/// in the store, unless it is deleting that fails.
pub async fn check(store: &dyn ImageStore, caller: &Identity) -> Result<Vec<Step>, CheckError> {
    if !store.capabilities().add {
        return Ok(Vec::new());
    }
    let failed = |step| move |source| CheckError { step, source };
    let id = ImageId::generate();
    let content: Vec<u8> = (0..LENGTH)
        .map(|n| (n.wrapping_mul(31) >> 3) as u8)
        .collect();
    let content = Bytes::from(content);
    let batch = content.chunks(65_536).map(|piece| content.slice_ref(piece));
    let source = stream::iter([Ok(batch.collect::<Batch>())]);
    let data = ImageData::from_stream(Some(LENGTH.into()), source);

    let added = store.add(&id, data, caller).await;
    let location = added.map_err(failed(Step::Write))?.location;
    let steps = async {
        let stat = store.stat(&location, caller).await;
        let size = stat.map_err(failed(Step::Stat))?.size;
        if size.is_some_and(|size| size != u64::from(LENGTH)) {
            return Err(failed(Step::Stat)(other("it tells another size")));
        }
        let read = read(store, &location, None, caller).await;
        if read.map_err(failed(Step::Read))? != content {
            return Err(failed(Step::Read)(other("it gives other bytes")));
        }
        let mut steps = vec![Step::Write, Step::Stat, Step::Read];
        if store.capabilities().range {
            let begin = PART.offset as usize;
            let part = content.slice(begin..begin + PART.length as usize);
            let range = self::read(store, &location, Some(PART), caller).await;
            if range.map_err(failed(Step::Range))? != part {
                return Err(failed(Step::Range)(other("it gives other bytes")));
            }
            steps.push(Step::Range);
        }
        Ok(steps)
    };
    let outcome = steps.await;
    let deleted = store.delete(&location, caller).await;
    let mut steps = outcome?;
    deleted.map_err(failed(Step::Delete))?;
    match store.stat(&location, caller).await {
        Err(StoreError::NotFound) => {}
        Ok(_) => return Err(failed(Step::Delete)(other("it is still there"))),
        Err(error) => return Err(failed(Step::Delete)(error)),
    }
    steps.push(Step::Delete);
    Ok(steps)
}

async fn read(
    store: &dyn ImageStore,
    location: &LocationUrl,
    range: Option<ByteRange>,
    caller: &Identity,
) -> Result<Bytes, StoreError> {
    let data = store.get(location, range, caller).await?;
    let batches: Vec<Batch> = data.into_stream().try_collect().await?;
    Ok(batches.concat().concat().into())
}

fn other(what: &'static str) -> StoreError {
    StoreError::Unavailable(io::Error::other(what))
}
