//! What is in the bucket: objects, and uploads that have not ended.

use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use futures_util::stream::{self, Stream, TryStreamExt};

use super::failure::S3Error;
use super::object::Object;
use crate::error::StoreError;

/// An object, as lists have it.
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
}

/// An upload that has not ended.
pub(super) struct Pending {
    pub(super) key: String,
    pub(super) upload: String,
    pub(super) initiated: SystemTime,
}

/// Every object of the bucket.
pub(super) fn objects(
    client: &Client,
    bucket: &str,
) -> impl Stream<Item = Result<Listed, StoreError>> + Send + use<> {
    let pages = client
        .list_objects_v2()
        .bucket(bucket)
        .into_paginator()
        .send();
    let pages = stream::unfold(pages, |mut pages| async {
        let page = pages.next().await?;
        let page = page.map_err(|error| S3Error::new("ListObjectsV2", error).reading());
        Some((page, pages))
    });
    pages
        .map_ok(|page| {
            let objects = page.contents.unwrap_or_default().into_iter();
            stream::iter(objects.filter_map(|object| {
                let size = object.size().unwrap_or_default();
                let size = u64::try_from(size).unwrap_or_default();
                object.key.map(|key| Ok(Listed { key, size }))
            }))
        })
        .try_flatten()
}

/// Uploads of keys that begin with `prefix`. None where the server does not tell.
pub(super) async fn pending(
    client: &Client,
    bucket: &str,
    prefix: Option<&str>,
) -> Result<Option<Vec<Pending>>, S3Error> {
    let mut found = Vec::new();
    let mut from: Option<(Option<String>, Option<String>)> = None;
    loop {
        let (key, upload) = from.clone().unwrap_or_default();
        let request = client.list_multipart_uploads().bucket(bucket);
        let request = request.set_prefix(prefix.map(str::to_owned));
        let request = request.set_key_marker(key).set_upload_id_marker(upload);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => match S3Error::new("ListMultipartUploads", error) {
                error if error.is_unknown() => return Ok(None),
                error if error.is_missing_bucket() => return Ok(Some(found)),
                error => return Err(error),
            },
        };
        let next = (
            answer.next_key_marker().map(str::to_owned),
            answer.next_upload_id_marker().map(str::to_owned),
        );
        let more = answer.is_truncated() == Some(true) && next.0.is_some();
        for upload in answer.uploads.unwrap_or_default() {
            let initiated = time(upload.initiated());
            if let (Some(key), Some(upload)) = (upload.key, upload.upload_id) {
                found.push(Pending {
                    key,
                    upload,
                    initiated,
                });
            }
        }
        // A server that repeats itself would keep us for ever.
        if !more || from.as_ref() == Some(&next) {
            return Ok(Some(found));
        }
        from = Some(next);
    }
}

impl Pending {
    /// Bytes that its parts have, and when something was last added to it.
    pub(super) async fn progress(&self, object: &Object) -> Result<(u64, SystemTime), StoreError> {
        let request = object.client.list_parts().bucket(&object.bucket);
        let mut pages = request
            .key(&object.key)
            .upload_id(&self.upload)
            .into_paginator()
            .send();
        let (mut size, mut touched) = (0, self.initiated);
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| S3Error::new("ListParts", error)) {
                Ok(page) => page,
                // It has ended meanwhile.
                Err(error) if error.is_missing() => break,
                Err(error) => return Err(error.reading()),
            };
            for part in page.parts() {
                size += u64::try_from(part.size().unwrap_or_default()).unwrap_or_default();
                if part.last_modified().is_some() {
                    touched = touched.max(time(part.last_modified()));
                }
            }
        }
        Ok((size, touched))
    }
}

/// A time that a server tells. What it does not tell, or not in a way that makes sense, is now, so
/// that nothing is taken for old.
fn time(told: Option<&DateTime>) -> SystemTime {
    told.and_then(|told| SystemTime::try_from(*told).ok())
        .unwrap_or_else(SystemTime::now)
}
