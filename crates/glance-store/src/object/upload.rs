//! An upload: one request for small data, parts beside one another for more.

use std::sync::{Arc, Mutex, PoisonError};

use glance_core::id::ImageId;
use object_store::path::Path;
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload};
use tokio::runtime::Handle;

use super::attempt::Attempt;
use super::cloud::{Cloud, Publishing};
use super::error::{Act, unavailable};
use super::publish::{Published, apart, check_size, copied, small};
use super::token::Token;
use super::transport::CreateOnly;
use crate::data::ImageData;
use crate::error::{DataError, StoreError};
use crate::parts::{Part, Parts};
use crate::store::Added;

/// Keeps `data` as the data of `id`; see [`crate::store::ImageStore::add`].
pub(super) async fn add(
    cloud: &Arc<Cloud>,
    id: &ImageId,
    data: ImageData,
) -> Result<Added, StoreError> {
    let object = cloud.place.object(id);
    let declared = data.size;
    let part_size = cloud.part_size_for(declared);
    let counted = Mutex::new(Counted::new(cloud, declared, part_size));
    let take = |part: &Part| {
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.take(part).map(|()| counted.received)
    };
    let mut parts = Parts::new(data.into_stream());
    let first = parts.first(part_size).await?;
    let caller = Attempt::begin(&cloud.abandoned, &object).await;
    let attempt = caller.0.clone();
    let published = if first.last {
        take(&first)?;
        let payload = PutPayload::from_iter(first.pieces);
        apart(small(cloud.clone(), object.clone(), payload, attempt)).await?
    } else {
        // Found out before the data travels; decided when it is published.
        match cloud.head(&object).await {
            Err(StoreError::NotFound) => {}
            Ok(_) => return Err(StoreError::Duplicate),
            Err(error) => return Err(error),
        }
        let upload = apart(Upload::begin(cloud.clone(), id.clone(), attempt)).await?;
        let sent = cloud.parallel.send(
            first,
            &mut parts,
            |_| part_size,
            |part| {
                let taken = take(&part);
                let sending = taken.map(|_| upload.put(part));
                async {
                    let sent = sending?.await;
                    sent.map_err(|error| cloud.told(Act::Write, &error))
                }
            },
        );
        if let Err(error) = sent.await {
            upload.abort().await;
            return Err(error);
        }
        let size = counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .received;
        apart(upload.publish(object.clone(), size)).await?
    };
    Ok(Added {
        checksum: published.keep(),
        location: cloud.place.location(&object),
    })
}

/// Holds the data against what was announced, and against what the server takes.
struct Counted {
    declared: Option<u64>,
    most: u64,
    received: u64,
}

impl Counted {
    fn new(cloud: &Cloud, declared: Option<u64>, part_size: u64) -> Self {
        Self {
            declared,
            most: part_size.saturating_mul(u64::from(cloud.most_parts)),
            received: 0,
        }
    }

    fn take(&mut self, part: &Part) -> Result<(), DataError> {
        self.received += part.length;
        let received = self.received;
        if let Some(declared) = self.declared
            && (received > declared || (part.last && received < declared))
        {
            return Err(DataError::WrongSize { declared, received });
        }
        if received > self.most {
            return Err(DataError::TooLarge(self.most));
        }
        Ok(())
    }
}

/// An upload in parts. What has no name yet is given up when this is dropped.
struct Upload {
    cloud: Arc<Cloud>,
    /// Where the parts are put together.
    target: Path,
    token: Token,
    upload: Option<Mutex<Box<dyn MultipartUpload>>>,
    attempt: Arc<Attempt>,
    runtime: Handle,
}

impl Upload {
    async fn begin(
        cloud: Arc<Cloud>,
        id: ImageId,
        attempt: Arc<Attempt>,
    ) -> Result<Self, StoreError> {
        let token = Token::new()?;
        let target = match cloud.publishing {
            Publishing::Copy => cloud.place.unfinished_of(&id).join(token.as_str()),
            Publishing::CreateOnly => cloud.place.object(&id),
        };
        let options = options_of(&cloud, &token);
        let begun = cloud.client.put_multipart_opts(&target, options).await;
        let upload = begun.map_err(|error| cloud.told(Act::Write, &error))?;
        Ok(Self {
            cloud,
            target,
            token,
            upload: Some(Mutex::new(upload)),
            attempt,
            runtime: Handle::current(),
        })
    }

    /// Sends a part. The library counts the parts by these calls, not by their ends.
    fn put(&self, part: Part) -> object_store::UploadPart {
        let payload = PutPayload::from_iter(part.pieces);
        match &self.upload {
            Some(upload) => {
                let mut upload = upload.lock().unwrap_or_else(PoisonError::into_inner);
                upload.put_part(payload)
            }
            None => Box::pin(async { Ok(()) }),
        }
    }

    /// Gives up what was sent.
    async fn abort(mut self) {
        if let Some(upload) = self.upload.take() {
            abort(&self.cloud, &self.target, upload).await;
        }
    }

    /// Puts the parts together, `size` bytes, and publishes them as `object` if there is nothing.
    async fn publish(mut self, object: Path, size: u64) -> Result<Published, StoreError> {
        let cloud = self.cloud.clone();
        let token = self.token.clone();
        let Some(upload) = self.upload.take() else {
            return Err(unavailable("the upload has ended"));
        };
        let mut whole = upload.into_inner().unwrap_or_else(PoisonError::into_inner);
        if cloud.publishing == Publishing::CreateOnly {
            let attempt = self.attempt.clone();
            let published = Published::new(cloud.clone(), object.clone(), token.clone(), attempt);
            if let Err(error) = whole.complete().await
                && let Err(error) = cloud.settle(&object, &token, &error).await
            {
                if matches!(error, StoreError::Unavailable(_)) {
                    // The parts are there yet; they are given up with this.
                    self.upload = Some(Mutex::new(whole));
                }
                return Err(published.failed(error));
            }
            check_size(&cloud, &object, size).await?;
            return Ok(published);
        }
        let beside = self.target.clone();
        if let Err(error) = whole.complete().await {
            // A repeated request finds no upload any more; then the data tells.
            if check_size(&cloud, &beside, size).await.is_err() {
                abort(&cloud, &beside, Mutex::new(whole)).await;
                remove(&cloud, &beside).await;
                return Err(cloud.told(Act::Write, &error));
            }
        }
        let published = match check_size(&cloud, &beside, size).await {
            Ok(()) => copied(cloud.clone(), &beside, object, token, self.attempt.clone()).await,
            Err(error) => Err(error),
        };
        remove(&cloud, &beside).await;
        published
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            let (cloud, target) = (self.cloud.clone(), self.target.clone());
            let attempt = self.attempt.clone();
            self.runtime.spawn(async move {
                abort(&cloud, &target, upload).await;
                drop(attempt);
            });
        }
    }
}

fn options_of(cloud: &Cloud, token: &Token) -> PutMultipartOptions {
    let mut options = PutMultipartOptions {
        attributes: token.attributes(),
        ..PutMultipartOptions::default()
    };
    if cloud.publishing == Publishing::CreateOnly {
        options.extensions.insert(CreateOnly);
    }
    options
}

/// Has the server forget the parts of an upload to `target`.
async fn abort(cloud: &Cloud, target: &Path, upload: Mutex<Box<dyn MultipartUpload>>) {
    let mut upload = upload.into_inner().unwrap_or_else(PoisonError::into_inner);
    let aborted = match cloud.publishing {
        Publishing::Copy => {
            let aborted = upload.abort().await;
            aborted.map_err(|error| cloud.told(Act::Write, &error))
        }
        Publishing::CreateOnly => supersede(cloud, target).await,
    };
    if let Err(error) = aborted {
        let reason = glance_config::chain(&error);
        log::warn!(
            "store {}: parts of a failed upload remain: {reason}",
            cloud.name
        );
    }
}

/// Azure forgets the parts under a name when something is published there, and in no other way that
/// could not hit whole data. So nothing is published there, and taken back.
pub(super) async fn supersede(cloud: &Cloud, target: &Path) -> Result<(), StoreError> {
    let token = Token::new()?;
    let options = options_of(cloud, &token);
    let begun = cloud.client.put_multipart_opts(target, options).await;
    let mut nothing = begun.map_err(|error| cloud.told(Act::Write, &error))?;
    let published = match nothing.complete().await {
        Ok(_) => Ok(()),
        Err(error) => cloud.settle(target, &token, &error).await,
    };
    match published {
        Ok(()) => cloud.take_back(target, &token).await,
        // Whole data is there, so the parts are not.
        Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What is left here is harmless, and swept.
async fn remove(cloud: &Cloud, beside: &Path) {
    match cloud.delete(beside).await {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => {
            let reason = glance_config::chain(&error);
            log::warn!(
                "store {}: a copy of an upload remains: {reason}",
                cloud.name
            );
        }
    }
}
