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
use crate::net::ahead::part_of;
use crate::net::answer::{Answer, drain, etag, header, length};
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
    let answer = ask(&account, &place, range, None).await?;
    let whole = match range {
        Some(range) => range,
        None => ByteRange {
            offset: 0,
            length: length(&answer).ok_or(PithosError::Unusable("it tells no length"))?,
        },
    };
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
            let rest = ByteRange {
                offset: whole.offset + done,
                length: whole.length - done,
            };
            let answer = ask(&account, &place, Some(rest), tag).await?;
            if !is_same(&facts::of(&answer)?, &same) {
                return Err(changed());
            }
            Ok::<ByteStream, StoreError>(incoming(answer.into_body()))
        }
        .boxed()
    };
    let stream = resuming(first, whole.length, endurance, rest);
    Ok(ImageData::from_stream(Some(whole.length), stream).of_object(object))
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

/// Asks for all or a part; only if the data still has this tag.
async fn ask(
    account: &Account,
    place: &PithosLocation,
    range: Option<ByteRange>,
    tag: Option<String>,
) -> Result<Answer, StoreError> {
    let mut call = Call::object(Method::GET, &place.container, &place.object);
    if let Some(range) = range {
        let text = format!("bytes={}-{}", range.offset, range.last());
        let text = HeaderValue::try_from(text);
        let text = text.map_err(|_| PithosError::Unusable("a part has no place"))?;
        call.headers.insert(RANGE, text);
    }
    if let Some(tag) = tag {
        let tag = HeaderValue::try_from(format!("\"{tag}\""));
        let tag = tag.map_err(|_| PithosError::Unusable("its tag is none"))?;
        call.headers.insert(IF_MATCH, tag);
    }
    let answer = account.send(&call).await?;
    let status = answer.status();
    let is_wanted = match (status, range) {
        (StatusCode::OK, None) => true,
        (StatusCode::PARTIAL_CONTENT, Some(range)) => {
            let part = header(&answer, "content-range").and_then(part_of);
            part.is_some_and(|(part, _)| part == range)
        }
        // A proxy that knows no parts gives all; where all was asked for, that is as good.
        (StatusCode::OK, Some(range)) => range.offset == 0 && length(&answer) == Some(range.length),
        _ => false,
    };
    if is_wanted {
        return Ok(answer);
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
