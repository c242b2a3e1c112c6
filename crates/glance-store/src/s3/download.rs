//! Reading objects, whole and in part.

use std::io;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyStream;

use super::failure::S3Error;
use super::object::Object;
use super::upload::wrong;
use crate::data::{BatchStream, ImageData};
use crate::error::StoreError;
use crate::net::ahead::{Ahead, part_of};
use crate::net::reading::{ByteStream, Endurance, resuming};
use crate::store::ByteRange;

/// A part of an object, on its way.
struct Part {
    range: ByteRange,
    /// Bytes of the object.
    of: u64,
    tag: Option<String>,
    bytes: ByteStream,
}

/// The data of an object, or a part of it. After a break it goes on where it was, as long as the
/// object is still the same.
pub(super) async fn open(
    object: Object,
    range: Option<ByteRange>,
    endurance: Endurance,
    ahead: &Ahead,
) -> Result<ImageData, StoreError> {
    let first = range.map_or_else(Ahead::beginning, Ahead::first);
    let part = match get(&object, Some(first), None).await {
        // Of an empty object there is no first part.
        Err(error) if error.is_beyond() && range.is_none() => get(&object, None, None).await,
        Err(error) if error.is_beyond() => return Err(StoreError::OutOfRange),
        part => part,
    };
    let part = part.map_err(S3Error::reading)?;
    let whole = range.unwrap_or(ByteRange {
        offset: 0,
        length: part.of,
    });
    // What has no tag can only be read in one go.
    let part = match part.tag {
        None if part.range.length < whole.length => {
            let all = get(&object, range, None).await;
            all.map_err(S3Error::reading)?
        }
        _ => part,
    };
    if part.range != whole && part.range != Ahead::first(whole) {
        return Err(wrong("another part than the one that was asked for"));
    }
    let size = Some(whole.length);
    let of = range.map(|_| part.of);
    let (all, tag) = (part.range == whole, part.tag.clone());
    let data = enduring(object.clone(), part, endurance);
    let Some(tag) = tag.filter(|_| !all) else {
        return Ok(ImageData::from_stream(size, data).part_of(of));
    };
    let data = ahead.read(data, whole, move |range| {
        let (object, tag) = (object.clone(), tag.clone());
        async move {
            let part = same(&object, range, tag).await?;
            Ok(enduring(object, part, endurance))
        }
    });
    Ok(ImageData::from_stream(size, data).part_of(of))
}

/// A part, whatever becomes of its connection.
fn enduring(object: Object, part: Part, endurance: Endurance) -> BatchStream {
    let (range, tag) = (part.range, part.tag);
    let rest = move |done: u64| {
        let (object, tag) = (object.clone(), tag.clone());
        async move {
            let rest = ByteRange {
                offset: range.offset + done,
                length: range.length - done,
            };
            let tag = tag.ok_or_else(|| wrong("an object has no tag"))?;
            Ok(same(&object, rest, tag).await?.bytes)
        }
        .boxed()
    };
    resuming(part.bytes, range.length, endurance, rest)
}

/// Exactly this part of the data that has this tag.
async fn same(object: &Object, range: ByteRange, tag: String) -> Result<Part, StoreError> {
    let part = get(object, Some(range), Some(tag.clone())).await;
    let part = part.map_err(|error| {
        match error.is_conflict() || error.is_missing() || error.is_beyond() {
            true => S3Error::Wrong("an object changed while it was read").reading(),
            false => error.reading(),
        }
    })?;
    // A cache on the way may not know the condition.
    if part.tag.is_some_and(|found| found != tag) {
        return Err(wrong("an object changed while it was read"));
    }
    if part.range != range {
        return Err(wrong("another part than the one that was asked for"));
    }
    Ok(Part {
        tag: Some(tag),
        ..part
    })
}

/// Asks for all, or for as much of a part as there is.
async fn get(
    object: &Object,
    range: Option<ByteRange>,
    tag: Option<String>,
) -> Result<Part, S3Error> {
    let range = range.map(|range| format!("bytes={}-{}", range.offset, range.last()));
    let request = object.client.get_object();
    let request = request.bucket(&object.bucket).key(&object.key);
    let answer = request.set_range(range).set_if_match(tag).send().await;
    let answer = answer.map_err(|error| S3Error::new("GetObject", error))?;
    let (range, of) = given(&answer)?;
    Ok(Part {
        range,
        of,
        tag: answer.e_tag().map(str::to_owned),
        bytes: bytes(answer),
    })
}

/// Which part of how many bytes an answer has.
fn given(answer: &GetObjectOutput) -> Result<(ByteRange, u64), S3Error> {
    let length = answer.content_length();
    let length = length.and_then(|length| length.try_into().ok());
    let length = length.ok_or(S3Error::Wrong("an object has no length"))?;
    let Some(range) = answer.content_range() else {
        return Ok((ByteRange { offset: 0, length }, length));
    };
    let part = part_of(range).filter(|(range, _)| range.length == length);
    part.ok_or(S3Error::Wrong("a part has no place"))
}

fn bytes(answer: GetObjectOutput) -> ByteStream {
    let frames = BodyStream::new(answer.body.into_inner());
    Box::pin(frames.filter_map(|frame| async {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(io::Error::other(error))),
        }
    }))
}
