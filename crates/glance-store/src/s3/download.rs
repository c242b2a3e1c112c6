//! Reading objects, whole and in part.

use std::io;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use futures_util::StreamExt;
use http_body_util::BodyStream;

use super::failure::S3Error;
use super::object::Object;
use super::upload::wrong;
use crate::data::ImageData;
use crate::error::StoreError;
use crate::net::reading::{ByteStream, Endurance, resuming};
use crate::store::ByteRange;

/// The data of an object, or a part of it. After a break it goes on where it was, as long as the
/// object is still the same. Memory: half a mebibyte.
pub(super) async fn open(
    object: Object,
    range: Option<ByteRange>,
    endurance: Endurance,
) -> Result<ImageData, StoreError> {
    let answer = get(&object, range, None).await.map_err(S3Error::reading)?;
    let length = checked_length(&answer, range)?;
    let tag = answer.e_tag().map(str::to_owned);
    let offset = range.map_or(0, |range| range.offset);
    let reopen = move |done: u64| {
        let (object, tag) = (object.clone(), tag.clone());
        async move {
            let rest = ByteRange {
                offset: offset + done,
                length: length - done,
            };
            let tag = tag.ok_or_else(|| wrong("an object has no tag"))?;
            let answer = get(&object, Some(rest), Some(tag.clone())).await;
            let answer =
                answer.map_err(|error| match error.is_conflict() || error.is_missing() {
                    true => S3Error::Wrong("an object changed while it was read").reading(),
                    false => error.reading(),
                })?;
            // A cache on the way may not know the condition.
            if answer.e_tag().is_some_and(|found| found != tag) {
                return Err(wrong("an object changed while it was read"));
            }
            checked_length(&answer, Some(rest))?;
            Ok(bytes(answer))
        }
    };
    let data = resuming(bytes(answer), length, endurance, reopen);
    Ok(ImageData::from_stream(Some(length), data))
}

async fn get(
    object: &Object,
    range: Option<ByteRange>,
    tag: Option<String>,
) -> Result<GetObjectOutput, S3Error> {
    // Nothing is asked for of an empty rest; the caller has it already.
    let range = range.map(|ByteRange { offset, length }| {
        format!("bytes={offset}-{}", offset + length.saturating_sub(1))
    });
    let request = object.client.get_object();
    let request = request.bucket(&object.bucket).key(&object.key);
    let answer = request.set_range(range).set_if_match(tag).send().await;
    answer.map_err(|error| S3Error::new("GetObject", error))
}

/// The length of an answer, which must be what was asked for.
fn checked_length(answer: &GetObjectOutput, range: Option<ByteRange>) -> Result<u64, StoreError> {
    let length = answer
        .content_length()
        .and_then(|length| length.try_into().ok());
    let length = length.ok_or_else(|| wrong("an object has no length"))?;
    let Some(range) = range else {
        return Ok(length);
    };
    let last = range.offset + range.length.saturating_sub(1);
    let expected = format!("bytes {}-{last}/", range.offset);
    let given = answer.content_range().unwrap_or_default();
    if length != range.length || !given.starts_with(&expected) {
        return Err(wrong("another part than the one that was asked for"));
    }
    Ok(length)
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
