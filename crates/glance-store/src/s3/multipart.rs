//! Uploads in parts.

use std::mem;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::runtime::Handle;

use super::etag;
use super::failure::S3Error;
use super::object::{MARK, Object, tells};
use super::publish::{Unpublished, publish};
use super::sizes::MOST_PARTS;
use super::upload::{Uploader, check, mark, repeatable, signed, wrong};
use crate::error::{DataError, StoreError};
use crate::md5::Md5Digest;
use crate::net::pause::pause;
use crate::parts::{Part, Parts};
use crate::turns::Mine;

/// How often a part is sent that is damaged on its way.
const ATTEMPTS: u32 = 3;

/// A part that the server has.
struct Sent {
    number: i32,
    tag: String,
    /// The tag is the MD5.
    telling: bool,
    digest: Md5Digest,
    length: u64,
}

impl Uploader {
    pub(super) async fn put_parts(
        &self,
        object: Object,
        turn: Mine,
        first: Part,
        mut parts: Parts,
        size: Option<u64>,
    ) -> Result<Option<String>, StoreError> {
        let mark = mark();
        let begun = begin(object.clone(), mark.clone()).await?;
        let length = |number| self.sizes.part(number, size);
        let send = |part| self.send_part(&begun, part);
        let sent = match self.parallel.send(first, &mut parts, length, send).await {
            Ok(sent) => sent,
            Err(error) => {
                begun.abort().await;
                return Err(error);
            }
        };
        let request = begun.complete(&sent);
        let (made, head) = match publish(object, mark, turn, request).await {
            Ok(published) => published,
            Err(error) => {
                begun.abort().await;
                return Err(error);
            }
        };
        begun.done();
        let size = sent.iter().map(|part| part.length).sum();
        let digests: Vec<_> = sent.iter().map(|part| part.digest).collect();
        let tag = etag::of_parts(&digests);
        let telling = sent.iter().all(|part| part.telling);
        check(made, &head, size, telling.then_some(&*tag)).await?;
        Ok(None)
    }

    async fn send_part(&self, begun: &Begun, part: Part) -> Result<Sent, StoreError> {
        if part.number > MOST_PARTS {
            return Err(DataError::TooLarge(self.sizes.most()).into());
        }
        let digest = self.md5.digest(part.pieces.clone()).await;
        let mut attempt = 1;
        loop {
            let error = match self.try_part(begun, &part, digest).await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let damaged = error.is_damage() || matches!(error, S3Error::Wrong(_));
            if !damaged || attempt == ATTEMPTS {
                return Err(error.writing());
            }
            log::warn!("store s3: a part is sent again: {error}");
            pause(attempt).await;
            attempt += 1;
        }
    }

    async fn try_part(
        &self,
        begun: &Begun,
        part: &Part,
        digest: Md5Digest,
    ) -> Result<Sent, S3Error> {
        let impossible = |_| S3Error::Wrong("a part is too large");
        let number = i32::try_from(part.number).map_err(|_| S3Error::Wrong("too many parts"))?;
        let request = begun
            .object
            .client
            .upload_part()
            .bucket(&begun.object.bucket)
            .key(&begun.object.key)
            .upload_id(&begun.upload)
            .part_number(number)
            .content_length(signed(part.length).map_err(impossible)?)
            .set_content_md5(self.content_md5(digest))
            .body(repeatable(part.pieces.clone()));
        let answer = match self.checksums {
            true => request.send().await,
            false => request.customize().disable_payload_signing().send().await,
        };
        let answer = answer.map_err(|error| S3Error::new("UploadPart", error))?;
        let tag = answer.e_tag().ok_or(S3Error::Wrong("a part has no tag"))?;
        let encryption = answer.server_side_encryption();
        let telling = tells(encryption, answer.sse_customer_algorithm());
        if telling && etag::contradicts(tag, &digest.to_string()) {
            return Err(S3Error::Wrong("a part has another checksum than its data"));
        }
        Ok(Sent {
            number,
            tag: tag.to_owned(),
            telling: telling && etag::md5(tag).is_some(),
            digest,
            length: part.length,
        })
    }
}

/// Begins an upload, in a task of its own: who goes away while the server begins it leaves none.
async fn begin(object: Object, mark: String) -> Result<Begun, StoreError> {
    let task = tokio::spawn(async move {
        let request = object.client.create_multipart_upload();
        let request = request.bucket(&object.bucket).key(&object.key);
        let answer = request.metadata(MARK, mark).send().await;
        let answer = answer.map_err(|error| S3Error::new("CreateMultipartUpload", error))?;
        let upload = answer.upload_id().map(str::to_owned);
        Ok(Begun {
            upload: upload.ok_or(S3Error::Wrong("an upload has no name"))?,
            object,
            over: false,
        })
    });
    match task.await {
        Ok(begun) => begun.map_err(S3Error::writing),
        Err(_) => Err(wrong("the program ends")),
    }
}

/// An upload that has begun. Dropping it ends it in the background, unless it is over.
struct Begun {
    object: Object,
    upload: String,
    over: bool,
}

impl Begun {
    /// The server has made an object of it.
    fn done(mut self) {
        self.over = true;
    }

    /// Removes it now.
    async fn abort(mut self) {
        self.over = true;
        abort(&self.object, &self.upload).await;
    }

    /// The request that makes the object.
    fn complete(
        &self,
        sent: &[Sent],
    ) -> impl Future<Output = Result<(), Unpublished>> + Send + 'static {
        let parts = sent.iter().map(|part| {
            let completed = CompletedPart::builder();
            completed.part_number(part.number).e_tag(&part.tag).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect()));
        let request = self
            .object
            .client
            .complete_multipart_upload()
            .bucket(&self.object.bucket)
            .key(&self.object.key)
            .upload_id(&self.upload)
            .if_none_match("*")
            .multipart_upload(parts.build());
        async move {
            let answer = request.send().await;
            let answer = answer.map_err(|error| S3Error::new("CompleteMultipartUpload", error));
            answer.map(drop).map_err(Unpublished::Maybe)
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (object, upload) = (self.object.clone(), mem::take(&mut self.upload));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { abort(&object, &upload).await })),
            Err(_) => log::warn!("store s3: an unfinished upload stays; the program ends"),
        }
    }
}

/// Removes an upload and its parts. What cannot be removed is left to the sweep.
pub(super) async fn abort(object: &Object, upload: &str) {
    if let Err(error) = try_abort(object, upload).await {
        log::warn!("store s3: an unfinished upload stays: {error}");
    }
}

/// Removes an upload and its parts, if it is there.
pub(super) async fn try_abort(object: &Object, upload: &str) -> Result<(), S3Error> {
    let request = object.client.abort_multipart_upload();
    let request = request.bucket(&object.bucket).key(&object.key);
    let answer = request.upload_id(upload).send().await;
    match answer.map_err(|error| S3Error::new("AbortMultipartUpload", error)) {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}
