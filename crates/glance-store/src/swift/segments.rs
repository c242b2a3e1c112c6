//! The segments of an upload, several on their way at the same time.
//!
//! Where the size of the data is known, a segment is sent while it comes; else its length would not
//! be known. Either way it is held until Swift has it, so that it can be sent again.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;

use super::answer::{ATTEMPTS, Answer, drain, etag};
use super::error::SwiftError;
use super::names;
use super::upload::Upload;
use crate::error::{DataError, StoreError};
use crate::growing::Coming;
use crate::md5::Md5Digest;
use crate::net::call::{Call, octets};
use crate::net::pause::pause;
use crate::parts::{Part, Parts};

/// A segment that Swift has.
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) md5: Md5Digest,
}

impl Upload {
    /// Sends data of unknown size as segments.
    pub(super) async fn send_segments(
        self: &Arc<Self>,
        first: Part,
        mut parts: Parts,
    ) -> Result<Vec<Segment>, StoreError> {
        let length = self.inner.options.lengths.short;
        let most = self.most_segments().await;
        self.progress.begin();
        let send = |part: Part| async move {
            if u64::from(part.number) > most {
                return Err(DataError::TooLarge(most.saturating_mul(length)).into());
            }
            let upload = self.clone();
            self.fly(async move { upload.send_segment(part).await })
                .await
        };
        let parallel = &self.inner.options.parallel;
        parallel.send(first, &mut parts, |_| length, send).await
    }

    /// Sends `size` bytes as segments while they come.
    pub(super) async fn send_coming_segments(
        self: &Arc<Self>,
        parts: Parts,
        size: u64,
    ) -> Result<Vec<Segment>, StoreError> {
        let options = &self.inner.options;
        let most = self
            .most_segments()
            .await
            .saturating_mul(options.lengths.short);
        if size > most {
            return Err(DataError::TooLarge(most).into());
        }
        self.progress.begin();
        let lengths = options.lengths;
        let send = |part: Coming| {
            let upload = self.clone();
            self.fly(async move { upload.send_coming(part).await })
        };
        options.parallel.flow(parts, size, lengths, send).await
    }

    /// A manifest of manifests names no more.
    async fn most_segments(&self) -> u64 {
        let limit = self.inner.manifest_limit(&self.account).await as u64;
        limit.saturating_mul(limit)
    }

    /// Sends a segment in a task of its own, which goes on when nobody waits for it.
    async fn fly(
        &self,
        sending: impl Future<Output = Result<Segment, StoreError>> + Send + 'static,
    ) -> Result<Segment, StoreError> {
        let flight = self.flights.clone().read_owned().await;
        let sending = tokio::spawn(async move {
            let _flight = flight;
            sending.await
        });
        let sent = sending.await;
        sent.unwrap_or_else(|_| Err(SwiftError::BrokenOff.into()))
    }

    /// Sends a segment until Swift tells the same checksum.
    async fn send_segment(&self, part: Part) -> Result<Segment, StoreError> {
        let name = names::segment(&self.id, &self.mark, part.number);
        let md5 = self.inner.md5.digest(part.pieces.clone());
        let (md5, sent) = tokio::join!(md5, self.put_segment(&name, &part.pieces));
        if !is(&sent?, md5) {
            self.repeat_segment(&name, &part.pieces, md5).await?;
        }
        Ok(Segment {
            number: part.number,
            size: part.length,
            md5,
        })
    }

    /// Sends a segment while it comes; if that fails, again when it is there.
    async fn send_coming(&self, part: Coming) -> Result<Segment, StoreError> {
        let name = names::segment(&self.id, &self.mark, part.number);
        let md5 = self.inner.md5.digest_of(part.follow());
        let (md5, sent) = tokio::join!(md5, self.put_coming(&name, &part));
        let md5 = md5?;
        if !sent.is_ok_and(|told| is(&told, md5)) {
            let pieces = part.whole().await?;
            self.repeat_segment(&name, &pieces, md5).await?;
        }
        Ok(Segment {
            number: part.number,
            size: part.length,
            md5,
        })
    }

    async fn put_coming(&self, name: &str, part: &Coming) -> Result<Option<String>, StoreError> {
        let call = Call::object(Method::PUT, &self.place.container, name)
            .header("content-type", octets())
            .header("content-length", HeaderValue::from(part.length));
        let sent = self
            .account
            .send_stream(&call, part.follow(), Some(part.length));
        self.kept(sent.await?).await
    }

    /// Sends a segment that did not arrive as it is, until it does.
    async fn repeat_segment(
        &self,
        name: &str,
        pieces: &[Bytes],
        md5: Md5Digest,
    ) -> Result<(), StoreError> {
        for attempt in 1..ATTEMPTS {
            pause(attempt).await;
            if is(&self.put_segment(name, pieces).await?, md5) {
                return Ok(());
            }
        }
        Err(SwiftError::Checksum.into())
    }

    async fn put_segment(
        &self,
        name: &str,
        pieces: &[Bytes],
    ) -> Result<Option<String>, StoreError> {
        let call = Call::object(Method::PUT, &self.place.container, name)
            .header("content-type", octets())
            .body(pieces.to_vec());
        self.kept(self.put(&call).await?).await
    }

    /// The checksum that Swift tells of a segment.
    async fn kept(&self, answer: Answer) -> Result<Option<String>, StoreError> {
        let (status, tag) = (answer.status(), etag(&answer));
        drain(answer, self.account.client.patience()).await;
        match status {
            status if status.is_success() => Ok(tag),
            status => Err(self.not_kept(status)),
        }
    }
}

/// Whether `told` is that digest.
fn is(told: &Option<String>, md5: Md5Digest) -> bool {
    told.as_deref() == Some(md5.to_string().as_str())
}
