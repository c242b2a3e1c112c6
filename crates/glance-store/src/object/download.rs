//! A download: exactly what was asked for, of one and the same data, over breaks of the connection.

use std::sync::Arc;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult};

use super::cloud::Cloud;
use super::error::{Act, io_error, is_beyond, unavailable};
use crate::data::ImageData;
use crate::error::StoreError;
use crate::net::reading::{ByteStream, Endurance, resuming};
use crate::store::ByteRange;

/// Breaks that are borne, besides those that the library bears in the beginning.
const RETRIES: u32 = 5;

/// The data of `object`, or a part of it.
pub(super) async fn get(
    cloud: &Arc<Cloud>,
    object: Path,
    range: Option<ByteRange>,
) -> Result<ImageData, StoreError> {
    let options = GetOptions {
        range: range.map(|range| bounded(range.offset, range.length)),
        ..GetOptions::default()
    };
    let first = match cloud.client.get_opts(&object, options).await {
        Err(error) if range.is_some() && is_beyond(&error) => return Err(StoreError::OutOfRange),
        first => first.map_err(|error| cloud.told(Act::Read, &error))?,
    };
    let whole = range.map(|_| first.meta.size);
    let etag = first.meta.e_tag.clone();
    let (begin, length) = (first.range.start, first.range.end - first.range.start);
    // Of a part the library gives as much as there is.
    if range.is_some_and(|range| range.length != length) {
        return Err(StoreError::OutOfRange);
    }
    let again = Arc::clone(cloud);
    let reopen = move |done: u64| {
        let (cloud, object, etag) = (again.clone(), object.clone(), etag.clone());
        async move {
            let Some(etag) = etag else {
                return Err(unavailable("the transfer broke off, and cannot go on"));
            };
            let options = GetOptions {
                range: Some(bounded(begin + done, length - done)),
                if_match: Some(etag.clone()),
                ..GetOptions::default()
            };
            let rest = open(&cloud, &object, options).await?;
            if rest.meta.e_tag != Some(etag) || rest.range != (begin + done..begin + length) {
                return Err(unavailable("the data changed while it was read"));
            }
            Ok(bytes(rest))
        }
    };
    let endurance = Endurance {
        // The library waits and goes on by itself for a while.
        patience: cloud.patience * 3,
        retries: RETRIES,
    };
    let stream = resuming(bytes(first), length, endurance, reopen);
    Ok(ImageData::from_stream(Some(length), stream).part_of(whole))
}

async fn open(cloud: &Cloud, object: &Path, options: GetOptions) -> Result<GetResult, StoreError> {
    let got = cloud.client.get_opts(object, options).await;
    got.map_err(|error| cloud.told(Act::Read, &error))
}

fn bounded(offset: u64, length: u64) -> GetRange {
    GetRange::Bounded(offset..offset + length)
}

fn bytes(got: GetResult) -> ByteStream {
    let pieces = got.into_stream();
    Box::pin(pieces.map(|piece| piece.map_err(|error| io_error(&error))))
}
