//! Data on its way out of Swift.

use futures_util::FutureExt;
use hyper::header::{HeaderValue, IF_MATCH, RANGE};
use hyper::{Method, StatusCode};

use super::account::{Account, Who};
use super::answer::{Answer, drain, header, length};
use super::error::{SwiftError, refused};
use super::location::SwiftLocation;
use crate::data::{BatchStream, ImageData};
use crate::error::StoreError;
use crate::net::ahead::{Ahead, part_of};
use crate::net::call::Call;
use crate::net::reading::{ByteStream, Endurance, incoming, resuming};
use crate::store::ByteRange;

/// An object that is read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) account: Account,
    pub(super) place: SwiftLocation,
    /// How often a part goes on after its connection broke.
    pub(super) retries: u32,
}

/// A part of an object, on its way.
struct Part {
    range: ByteRange,
    /// Bytes of the object.
    of: u64,
    tag: Option<HeaderValue>,
    bytes: ByteStream,
}

impl Source {
    /// Opens the data or a part of it. When a connection breaks, it goes on with the rest, if that
    /// is of the same data.
    pub(super) async fn open(
        self,
        range: Option<ByteRange>,
        ahead: &Ahead,
    ) -> Result<ImageData, StoreError> {
        let part = match self.account.who {
            // The caller's token may end before a long download does, which one request outlives.
            Who::Caller { .. } => self.all(range).await?,
            Who::Own(_) | Who::For(..) => self.begin(range).await?,
        };
        let whole = range.unwrap_or(ByteRange {
            offset: 0,
            length: part.of,
        });
        // What has no tag can only be read in one go.
        let part = match part.tag {
            None if part.range.length < whole.length => self.all(range).await?,
            _ => part,
        };
        let size = Some(whole.length);
        if part.range != whole && part.range != Ahead::first(whole) {
            return Err(SwiftError::Unusable("it is another part").into());
        }
        let of = range.map(|_| part.of);
        let (all, tag) = (part.range == whole, part.tag.clone());
        let data = self.clone().enduring(part);
        let Some(tag) = tag.filter(|_| !all) else {
            return Ok(ImageData::from_stream(size, data).part_of(of));
        };
        let data = ahead.read(data, whole, move |range| {
            let (source, tag) = (self.clone(), tag.clone());
            async move {
                let part = source.same(range, tag).await?;
                Ok(source.enduring(part))
            }
        });
        Ok(ImageData::from_stream(size, data).part_of(of))
    }

    /// The first part of all, or of a part.
    async fn begin(&self, range: Option<ByteRange>) -> Result<Part, StoreError> {
        let first = range.map_or_else(Ahead::beginning, Ahead::first);
        match self.ask(Some(first), None).await? {
            Some(part) => Ok(part),
            // Of an empty object there is no first part.
            None if range.is_none() => self.all(None).await,
            None => Err(StoreError::OutOfRange),
        }
    }

    /// A part, whatever becomes of its connection.
    fn enduring(self, part: Part) -> BatchStream {
        let endurance = Endurance {
            patience: self.account.client.patience(),
            retries: self.retries,
        };
        let (range, tag) = (part.range, part.tag);
        let rest = move |done: u64| {
            let (source, tag) = (self.clone(), tag.clone());
            async move {
                // Without a tag nobody knows what the rest would be of.
                let tag = tag.ok_or(SwiftError::Changed)?;
                let rest = ByteRange {
                    offset: range.offset + done,
                    length: range.length - done,
                };
                Ok::<ByteStream, StoreError>(source.same(rest, tag).await?.bytes)
            }
            .boxed()
        };
        resuming(part.bytes, range.length, endurance, rest)
    }

    /// Exactly this part of the data that has this tag.
    async fn same(&self, range: ByteRange, tag: HeaderValue) -> Result<Part, StoreError> {
        let part = self.ask(Some(range), Some(tag.clone())).await?;
        let part = part.ok_or(SwiftError::Changed)?;
        // A cache on the way may not know the condition.
        if part.tag.is_some_and(|found| found != tag) {
            return Err(SwiftError::Changed.into());
        }
        if part.range != range {
            return Err(SwiftError::Unusable("it is another part").into());
        }
        Ok(Part {
            tag: Some(tag),
            ..part
        })
    }

    async fn all(&self, range: Option<ByteRange>) -> Result<Part, StoreError> {
        let part = self.ask(range, None).await?;
        part.ok_or(StoreError::OutOfRange)
    }

    /// Asks for all, or for as much of a part as there is; only if the data still has this tag. None
    /// if there is nothing of it.
    async fn ask(
        &self,
        range: Option<ByteRange>,
        tag: Option<HeaderValue>,
    ) -> Result<Option<Part>, StoreError> {
        let mut call = Call::object(Method::GET, &self.place.container, &self.place.object);
        if let Some(range) = range {
            let text = format!("bytes={}-{}", range.offset, range.last());
            let text = HeaderValue::try_from(text);
            let text = text.map_err(|_| SwiftError::Unusable("a part has no place"))?;
            call.headers.insert(RANGE, text);
        }
        if let Some(tag) = tag {
            call.headers.insert(IF_MATCH, tag);
        }
        let answer = self.account.send(&call).await?;
        let status = answer.status();
        if let Some((range, of)) = given(&answer) {
            return Ok(Some(Part {
                range,
                of,
                tag: answer.headers().get("etag").cloned(),
                bytes: incoming(answer.into_body()),
            }));
        }
        drain(answer, self.account.client.patience()).await;
        Err(match status {
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(None),
            StatusCode::PRECONDITION_FAILED => SwiftError::Changed.into(),
            status if status.is_success() => SwiftError::Unusable("it tells no length").into(),
            status => refused(status),
        })
    }
}

/// Which part of how many bytes an answer has, as far as it makes sense. A proxy that knows no parts
/// gives all.
fn given(answer: &Answer) -> Option<(ByteRange, u64)> {
    let length = length(answer)?;
    match answer.status() {
        StatusCode::OK => Some((ByteRange { offset: 0, length }, length)),
        StatusCode::PARTIAL_CONTENT => {
            let part = part_of(header(answer, "content-range")?)?;
            (part.0.length == length).then_some(part)
        }
        _ => None,
    }
}
