//! Uploads in parts.

use std::convert::Infallible;
use std::sync::Arc;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::etag;
use super::failure::S3Error;
use super::object::{MARK, Object, tells};
use super::publish::{Unpublished, publish};
use super::sizes::MOST_PARTS;
use super::upload::{Uploader, check, mark, repeatable, signed, wrong};
use crate::error::{DataError, StoreError};
use crate::growing::Coming;
use crate::md5::Md5Digest;
use crate::net::pause::pause;
use crate::outliving::SETTLING;
use crate::parallel::Lengths;
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
    /// Data of known size: each part is hashed while it comes, beside the whole.
    pub(super) async fn put_sized(
        self: &Arc<Self>,
        object: Object,
        turn: Mine,
        parts: Parts,
        size: u64,
    ) -> Result<Option<String>, StoreError> {
        let begun = begin(object).await?;
        let length = self.sizes.part(1, Some(size));
        let send = |part: Coming| {
            let (uploader, upload) = (Arc::clone(self), begun.upload.clone());
            begun.spawn(async move {
                let digest = uploader.md5.digest_of(part.follow()).await?;
                let part = Part {
                    number: part.number,
                    pieces: part.whole().await?,
                    length: part.length,
                    last: false,
                };
                uploader.send_part(&upload, &part, digest).await
            })
        };
        let lengths = Lengths {
            short: length,
            long: length,
            ahead: length,
        };
        let sent = self.parallel.flow(parts, size, lengths, send).await?;
        finish(begun, turn, &sent).await
    }

    /// Data that ends where it ends.
    pub(super) async fn put_unsized(
        self: &Arc<Self>,
        object: Object,
        turn: Mine,
        first: Part,
        mut parts: Parts,
    ) -> Result<Option<String>, StoreError> {
        let begun = begin(object).await?;
        let length = |number| self.sizes.part(number, None);
        let send = |part: Part| {
            let (uploader, upload) = (Arc::clone(self), begun.upload.clone());
            begun.spawn(async move {
                let digest = uploader.md5.digest(part.pieces.clone()).await;
                uploader.send_part(&upload, &part, digest).await
            })
        };
        let sending = self.parallel.send(first, &mut parts, length, send);
        let sent = sending.await?;
        finish(begun, turn, &sent).await
    }

    async fn send_part(
        &self,
        upload: &Multipart,
        part: &Part,
        digest: Md5Digest,
    ) -> Result<Sent, StoreError> {
        if part.number > MOST_PARTS {
            return Err(DataError::TooLarge(self.sizes.most()).into());
        }
        let mut attempt = 1;
        loop {
            let error = match self.try_part(upload, part, digest).await {
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
        upload: &Multipart,
        part: &Part,
        digest: Md5Digest,
    ) -> Result<Sent, S3Error> {
        let impossible = |_| S3Error::Wrong("a part is too large");
        let number = i32::try_from(part.number).map_err(|_| S3Error::Wrong("too many parts"))?;
        let request = upload
            .object
            .client
            .upload_part()
            .bucket(&upload.object.bucket)
            .key(&upload.object.key)
            .upload_id(&upload.id)
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
async fn begin(object: Object) -> Result<Begun, StoreError> {
    let task = tokio::spawn(async move {
        let mark = mark();
        let request = object.client.create_multipart_upload();
        let request = request.bucket(&object.bucket).key(&object.key);
        let answer = request.metadata(MARK, &mark).send().await;
        let answer = answer.map_err(|error| S3Error::new("CreateMultipartUpload", error))?;
        let id = answer.upload_id().map(str::to_owned);
        let id = id.ok_or(S3Error::Wrong("an upload has no name"))?;
        let (under_way, ended) = mpsc::channel(1);
        Ok(Begun {
            upload: Multipart { object, id },
            mark,
            under_way,
            unwanted: Some(ended),
        })
    });
    match task.await {
        Ok(begun) => begun.map_err(S3Error::writing),
        Err(_) => Err(wrong("the program ends")),
    }
}

/// The server's name of an upload in parts.
#[derive(Clone)]
pub(super) struct Multipart {
    pub(super) object: Object,
    pub(super) id: String,
}

impl Multipart {
    /// The request that makes the object.
    fn complete(
        &self,
        sent: &[Sent],
    ) -> impl Future<Output = Result<(), Unpublished>> + Send + use<> {
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
            .upload_id(&self.id)
            .if_none_match("*")
            .multipart_upload(parts.build());
        async move {
            let answer = request.send().await;
            let answer = answer.map_err(|error| S3Error::new("CompleteMultipartUpload", error));
            answer.map(drop).map_err(Unpublished::Maybe)
        }
    }

    /// Removes it and its parts, if it is there.
    pub(super) async fn abort(&self) -> Result<(), S3Error> {
        let request = self.object.client.abort_multipart_upload();
        let request = request.bucket(&self.object.bucket).key(&self.object.key);
        let answer = request.upload_id(&self.id).send().await;
        match answer.map_err(|error| S3Error::new("AbortMultipartUpload", error)) {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}

/// An upload that has begun. Dropping it removes it in the background, unless it is done.
struct Begun {
    upload: Multipart,
    /// What the object will carry.
    mark: String,
    /// A clone goes with each part.
    under_way: mpsc::Sender<Infallible>,
    /// Closed when no part is under way; none when the server has made an object of them.
    unwanted: Option<mpsc::Receiver<Infallible>>,
}

impl Begun {
    /// Sends a part in a task of its own, which ends by itself when nobody waits for it any more.
    fn spawn<F>(&self, sending: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future<Output = Result<Sent, StoreError>> + Send + 'static,
    {
        let under_way = self.under_way.clone();
        let task = tokio::spawn(async move {
            let sent = sending.await;
            drop(under_way);
            sent
        });
        async {
            task.await
                .unwrap_or_else(|_| Err(wrong("the program ends")))
        }
    }

    /// The server has made an object of it.
    fn done(mut self) {
        self.unwanted = None;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(ended) = self.unwanted.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(remove(self.upload.clone(), ended))),
            Err(_) => log::warn!("store s3: an unfinished upload stays; the program ends"),
        }
    }
}

/// Makes the object of its parts, and looks whether it is what was sent.
async fn finish(begun: Begun, turn: Mine, sent: &[Sent]) -> Result<Option<String>, StoreError> {
    let (object, mark) = (begun.upload.object.clone(), begun.mark.clone());
    let request = begun.upload.complete(sent);
    let (made, head) = publish(object, mark, turn, request).await?;
    begun.done();
    let size = sent.iter().map(|part| part.length).sum();
    let digests: Vec<_> = sent.iter().map(|part| part.digest).collect();
    let tag = etag::of_parts(&digests);
    let telling = sent.iter().all(|part| part.telling);
    check(made, &head, size, telling.then_some(&*tag)).await?;
    Ok(None)
}

/// Removes an upload that nobody wants. What cannot be removed is left to the sweep.
///
/// A part that a server takes while the upload ends outlives it at many of them, where nobody finds
/// it: first the parts that are under way get the time in which the server would have answered them.
/// Amazon wants it ended again after such parts.
async fn remove(upload: Multipart, mut ended: mpsc::Receiver<Infallible>) {
    // No more is begun: whoever has the upload's other end is gone.
    drop(timeout(upload.object.patience, ended.recv()).await);
    for settling in [SETTLING, upload.object.patience] {
        sleep(settling).await;
        if let Err(error) = upload.abort().await {
            log::warn!("store s3: an unfinished upload stays: {error}");
        }
    }
}
