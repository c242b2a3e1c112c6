//! How data becomes an object: in one request or in parts.

use std::io;
use std::sync::Arc;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::body::{Failure, StreamBody, declared};
use super::etag;
use super::failure::S3Error;
use super::object::{Head, MARK, Object};
use super::publish::{Unclaimed, Unpublished, publish};
use super::sizes::Sizes;
use crate::data::{BatchStream, ImageData};
use crate::error::StoreError;
use crate::md5::{Md5Digest, Md5Pool};
use crate::net::client::Outgoing;
use crate::parallel::Parallel;
use crate::parts::{Part, Parts};
use crate::turns::{Mine, Turns};

/// Uploads. One request holds its part until the server has it, so that it can be repeated; larger
/// data of known size passes through two batches of some hundred KiB and cannot be.
#[derive(Debug)]
pub(super) struct Uploader {
    pub(super) sizes: Sizes,
    pub(super) parallel: Parallel,
    pub(super) md5: Md5Pool,
    pub(super) turns: Turns,
    /// Bodies carry checksums of the SDK's making, which go along with no MD5.
    pub(super) checksums: bool,
}

impl Uploader {
    /// Makes `object` out of `data`, and tells its MD5 if the server does.
    pub(super) async fn add(
        self: &Arc<Self>,
        object: Object,
        data: ImageData,
    ) -> Result<Option<String>, StoreError> {
        let turn = self.turns.take(&object.key).await;
        match object.head().await {
            Ok(None) => {}
            Ok(Some(_)) => return Err(StoreError::Duplicate),
            // Who may not list a bucket is not told that there is nothing.
            Err(S3Error::Refused { status: 403, .. }) => {}
            Err(error) => return Err(error.writing()),
        }
        let size = data.size;
        let source = data.into_stream();
        if let Some(size) = size.filter(|size| self.sizes.is_streamed(*size)) {
            return self.put_stream(object, turn, source, size).await;
        }
        let mut parts = Parts::new(declared(source, size));
        let length = self.sizes.part(1, size);
        if let Some(size) = size.filter(|size| *size > length) {
            return self.put_sized(object, turn, parts, size).await;
        }
        let first = parts.first(length).await?;
        match first.last {
            true => self.put_whole(object, turn, first).await,
            false => self.put_unsized(object, turn, first, parts).await,
        }
    }

    async fn put_whole(
        &self,
        object: Object,
        turn: Mine,
        part: Part,
    ) -> Result<Option<String>, StoreError> {
        let digest = self.md5.digest(part.pieces.clone()).await;
        let mark = mark();
        let request = object
            .client
            .put_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .metadata(MARK, &mark)
            .if_none_match("*")
            .content_length(signed(part.length)?)
            .set_content_md5(self.content_md5(digest))
            .body(repeatable(part.pieces));
        let checksums = self.checksums;
        let request = async move {
            let answer = match checksums {
                true => request.send().await,
                false => request.customize().disable_payload_signing().send().await,
            };
            let answer = answer.map_err(|error| S3Error::new("PutObject", error));
            answer.map(drop).map_err(Unpublished::Maybe)
        };
        let (made, head) = publish(object, mark, turn, request).await?;
        check(made, &head, part.length, Some(&digest.to_string())).await?;
        Ok(head.md5())
    }

    async fn put_stream(
        &self,
        object: Object,
        turn: Mine,
        source: BatchStream,
        size: u64,
    ) -> Result<Option<String>, StoreError> {
        let failure = Failure::default();
        // Dropped with this future, which ends the body and so the request.
        let (_wanted, wanted) = oneshot::channel();
        let body = StreamBody::new(source, size, failure.clone(), wanted);
        let mark = mark();
        let request = object
            .client
            .put_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .metadata(MARK, &mark)
            .if_none_match("*")
            .content_length(signed(size)?)
            .body(ByteStream::new(SdkBody::from_body_1_x(body)));
        let request = async move {
            let answer = request.send().await;
            answer.map(drop).map_err(|error| match failure.take() {
                // The server never had the last bytes.
                Some(failure) => Unpublished::Certain(failure),
                None => Unpublished::Maybe(S3Error::new("PutObject", error)),
            })
        };
        let (made, head) = publish(object, mark, turn, request).await?;
        check(made, &head, size, None).await?;
        Ok(head.md5())
    }

    /// The header that lets the server refuse what was damaged on its way.
    pub(super) fn content_md5(&self, digest: Md5Digest) -> Option<String> {
        (!self.checksums).then(|| STANDARD.encode(digest.0))
    }
}

/// Keeps what was made if it is what was sent; removes it otherwise.
pub(super) async fn check(
    made: Unclaimed,
    head: &Head,
    size: u64,
    tag: Option<&str>,
) -> Result<(), StoreError> {
    let found = head.tag.as_deref().zip(tag);
    let reason = if head.size != size {
        "the server has another length than the data"
    } else if found.is_some_and(|(found, tag)| etag::contradicts(found, tag)) {
        "the server has another checksum than the data"
    } else {
        made.claim();
        return Ok(());
    };
    made.remove().await;
    Err(wrong(reason))
}

/// A body that can be sent again.
pub(super) fn repeatable(pieces: Vec<Bytes>) -> ByteStream {
    let body = SdkBody::retryable(move || SdkBody::from_body_1_x(Outgoing::whole(pieces.clone())));
    ByteStream::new(body)
}

/// A length as the SDK has it.
pub(super) fn signed(length: u64) -> Result<i64, StoreError> {
    length.try_into().map_err(|_| StoreError::Full)
}

/// What tells an upload from all others.
pub(super) fn mark() -> String {
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        // It only tells uploads of one image apart, which the registry's lease does before.
        log::warn!("the system gives no random numbers");
    }
    Md5Digest(random).to_string()
}

pub(super) fn wrong(reason: &'static str) -> StoreError {
    StoreError::Unavailable(io::Error::other(S3Error::Wrong(reason)))
}
