//! Data on its way out of Swift.

use futures_util::FutureExt;
use hyper::header::{HeaderValue, IF_MATCH, RANGE};
use hyper::{Method, StatusCode};

use super::account::{Account, Call};
use super::answer::{Answer, drain, is_part, length};
use super::error::{SwiftError, refused};
use super::location::SwiftLocation;
use crate::data::ImageData;
use crate::error::StoreError;
use crate::net::reading::{ByteStream, Endurance, incoming, resuming};
use crate::store::ByteRange;

/// Opens the data at `place` or a part of it. When the connection breaks, it goes on `retries` times
/// with the rest, if that is of the same data.
pub(super) async fn open(
    account: Account,
    place: SwiftLocation,
    range: Option<ByteRange>,
    retries: u32,
) -> Result<ImageData, StoreError> {
    let bounds = range.map(|range| (range.offset, range.offset.saturating_add(range.length)));
    let answer = ask(&account, &place, bounds, None).await?;
    let size = match range {
        Some(range) => range.length,
        None => length(&answer).ok_or(SwiftError::Unusable("it tells no length"))?,
    };
    let begin = range.map_or(0, |range| range.offset);
    let tag = answer.headers().get("etag").cloned();
    let endurance = Endurance {
        patience: account.client.patience(),
        retries,
    };
    let first = incoming(answer.into_body());
    let rest = move |done: u64| {
        let (account, place, tag) = (account.clone(), place.clone(), tag.clone());
        async move {
            // Without a tag nobody knows what the rest would be of.
            let tag = tag.ok_or(SwiftError::Changed)?;
            let bounds = Some((begin + done, begin + size));
            let answer = ask(&account, &place, bounds, Some(tag.clone())).await?;
            // A cache on the way may not know the condition.
            if answer
                .headers()
                .get("etag")
                .is_some_and(|found| *found != tag)
            {
                return Err(SwiftError::Changed.into());
            }
            Ok::<ByteStream, StoreError>(incoming(answer.into_body()))
        }
        .boxed()
    };
    let data = resuming(first, size, endurance, rest);
    Ok(ImageData::from_stream(Some(size), data))
}

/// Asks for all, or from a byte to before another; only if the data still has this tag.
async fn ask(
    account: &Account,
    place: &SwiftLocation,
    bounds: Option<(u64, u64)>,
    tag: Option<HeaderValue>,
) -> Result<Answer, StoreError> {
    let mut call = Call::object(Method::GET, &place.container, &place.object);
    if let Some((begin, end)) = bounds {
        let range = HeaderValue::try_from(format!("bytes={begin}-{}", end.saturating_sub(1)));
        let range = range.map_err(|_| SwiftError::Unusable("a part has no place"))?;
        call.headers.insert(RANGE, range);
    }
    if let Some(tag) = tag {
        call.headers.insert(IF_MATCH, tag);
    }
    let answer = account.send(&call).await?;
    let status = answer.status();
    match (status, bounds) {
        (StatusCode::OK, None) => return Ok(answer),
        (StatusCode::PARTIAL_CONTENT, Some(bounds)) if is_part(&answer, bounds) => {
            return Ok(answer);
        }
        // A proxy that knows no parts gives all; where all was asked for, that is as good.
        (StatusCode::OK, Some((0, end))) if length(&answer) == Some(end) => return Ok(answer),
        _ => {}
    }
    drain(answer, account.client.patience()).await;
    Err(match status {
        StatusCode::PRECONDITION_FAILED => SwiftError::Changed.into(),
        StatusCode::RANGE_NOT_SATISFIABLE => SwiftError::Unusable("it is shorter").into(),
        status if status.is_success() => SwiftError::Unusable("it is another part").into(),
        status => refused(status),
    })
}
