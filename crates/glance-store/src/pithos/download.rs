//! Data on its way out of Pithos.

use futures_util::FutureExt;
use glance_core::pithos::PithosLocation;
use hyper::header::{HeaderValue, IF_MATCH, RANGE};
use hyper::{Method, StatusCode};

use super::account::Account;
use super::error::{PithosError, refused};
use super::facts;
use crate::data::ImageData;
use crate::error::StoreError;
use crate::net::answer::{Answer, drain, etag, is_part, length};
use crate::net::call::Call;
use crate::net::reading::{ByteStream, Endurance, incoming, resuming};
use crate::store::{ByteRange, ObjectFacts};

/// How often a download that breaks off is taken up again.
const RETRIES: u32 = 5;

/// Opens the data at `place` or a part of it. When the connection breaks, it goes on with the rest,
/// if that is of the same object and data.
pub(super) async fn open(
    account: Account,
    place: PithosLocation,
    range: Option<ByteRange>,
) -> Result<ImageData, StoreError> {
    let bounds = range.map(|range| (range.offset, range.offset.saturating_add(range.length)));
    let answer = ask(&account, &place, bounds, None).await?;
    let size = match range {
        Some(range) => range.length,
        None => length(&answer).ok_or(PithosError::Unusable("it tells no length"))?,
    };
    let begin = range.map_or(0, |range| range.offset);
    let object = facts::of(&answer)?;
    let tag = etag(&answer);
    let endurance = Endurance {
        patience: account.client.patience(),
        retries: RETRIES,
    };
    let first = incoming(answer.into_body());
    let same = object.clone();
    let rest = move |done: u64| {
        let (account, place, tag) = (account.clone(), place.clone(), tag.clone());
        let same = same.clone();
        async move {
            let bounds = Some((begin + done, begin + size));
            let answer = ask(&account, &place, bounds, tag).await?;
            if !is_same(&facts::of(&answer)?, &same) {
                return Err(changed());
            }
            Ok::<ByteStream, StoreError>(incoming(answer.into_body()))
        }
        .boxed()
    };
    let data = ImageData::from_stream(Some(size), resuming(first, size, endurance, rest));
    Ok(data.of_object(object))
}

/// Whether the data is the same. Its version may be another: metadata have versions, too.
fn is_same(one: &ObjectFacts, other: &ObjectFacts) -> bool {
    one.uuid == other.uuid && one.hash == other.hash
}

/// The rest is of other data: trying again is of no use.
fn changed() -> StoreError {
    log::warn!("store pithos: an object changed while it was read");
    StoreError::Answered(StatusCode::PRECONDITION_FAILED.as_u16())
}

/// Asks for all, or from a byte to before another; only if the data still has this tag.
async fn ask(
    account: &Account,
    place: &PithosLocation,
    bounds: Option<(u64, u64)>,
    tag: Option<String>,
) -> Result<Answer, StoreError> {
    let mut call = Call::object(Method::GET, &place.container, &place.object);
    if let Some((begin, end)) = bounds {
        let range = HeaderValue::try_from(format!("bytes={begin}-{}", end.saturating_sub(1)));
        let range = range.map_err(|_| PithosError::Unusable("a part has no place"))?;
        call.headers.insert(RANGE, range);
    }
    if let Some(tag) = tag {
        let tag = HeaderValue::try_from(format!("\"{tag}\""));
        let tag = tag.map_err(|_| PithosError::Unusable("its tag is none"))?;
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
        StatusCode::PRECONDITION_FAILED => changed(),
        // It was changed for a shorter one since its size was looked at.
        StatusCode::RANGE_NOT_SATISFIABLE => StoreError::NotFound,
        status if status.is_success() => PithosError::Unusable("it is another part").into(),
        status => refused(status),
    })
}
