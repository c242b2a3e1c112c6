//! The segments of an upload, several on their way at the same time.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use hyper::Method;

use super::account::Call;
use super::answer::{ATTEMPTS, drain, etag};
use super::error::SwiftError;
use super::names;
use super::publish::octets;
use super::upload::Upload;
use crate::error::{DataError, StoreError};
use crate::md5::Md5Digest;
use crate::net::pause::pause;
use crate::parts::{Part, Parts};

/// A segment that Swift has.
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) md5: Md5Digest,
}

impl Upload {
    /// Sends all parts as segments.
    pub(super) async fn send_segments(
        self: &Arc<Self>,
        first: Part,
        mut parts: Parts,
    ) -> Result<Vec<Segment>, StoreError> {
        let length = self.inner.options.segment;
        let limit = self.inner.manifest_limit(&self.account).await as u64;
        // A manifest of manifests.
        let most = limit.saturating_mul(limit);
        self.begun.store(true, Relaxed);
        let send = |part: Part| async move {
            if u64::from(part.number) > most {
                return Err(DataError::TooLarge(most.saturating_mul(length)).into());
            }
            let flight = self.flights.clone().read_owned().await;
            let upload = self.clone();
            let sending = tokio::spawn(async move {
                let _flight = flight;
                upload.send_segment(part).await
            });
            let sent = sending.await;
            sent.unwrap_or_else(|_| Err(SwiftError::BrokenOff.into()))
        };
        let parallel = &self.inner.options.parallel;
        parallel.send(first, &mut parts, |_| length, send).await
    }

    /// Sends a segment until Swift tells the same checksum.
    async fn send_segment(&self, part: Part) -> Result<Segment, StoreError> {
        let name = names::segment(&self.id, &self.mark, part.number);
        let md5 = self.inner.md5.digest(part.pieces.clone());
        let (md5, sent) = tokio::join!(md5, self.put_segment(&name, &part.pieces));
        let mut told = sent?;
        let mut attempt = 1;
        while told.as_deref() != Some(md5.to_string().as_str()) {
            if attempt >= ATTEMPTS {
                return Err(SwiftError::Checksum.into());
            }
            pause(attempt).await;
            attempt += 1;
            told = self.put_segment(&name, &part.pieces).await?;
        }
        Ok(Segment {
            number: part.number,
            size: part.length,
            md5,
        })
    }

    async fn put_segment(
        &self,
        name: &str,
        pieces: &[Bytes],
    ) -> Result<Option<String>, StoreError> {
        let call = Call::object(Method::PUT, &self.place.container, name)
            .header("content-type", octets())
            .body(pieces.to_vec());
        let answer = self.put(&call).await?;
        let (status, tag) = (answer.status(), etag(&answer));
        drain(answer, self.account.client.patience()).await;
        match status {
            status if status.is_success() => Ok(tag),
            status => Err(self.not_kept(status)),
        }
    }
}
