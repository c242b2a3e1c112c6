//! The request that makes an image appear, and what came of it.

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::answer::{Answer, Tried, drain, etag, repeatedly};
use super::error::{SwiftError, refused};
use super::manifest::{self, Listed};
use super::object::MANIFESTS;
use super::segments::Segment;
use super::upload::Upload;
use super::{lock, names};
use crate::error::StoreError;
use crate::net::call::Call;

impl Upload {
    /// Publishes the segments; manifests of them first, if they are too many for one.
    pub(super) async fn publish_manifest(&self, segments: Vec<Segment>) -> Result<(), StoreError> {
        let container = &self.place.container;
        let listed = |segment: &Segment| Listed {
            name: names::segment(&self.id, &self.mark, segment.number),
            etag: segment.md5.to_string(),
            size: segment.size,
        };
        let limit = self.inner.manifest_limit(&self.account).await;
        let mut manifests = Vec::new();
        if segments.len() > limit {
            for (number, chunk) in (1..).zip(segments.chunks(limit)) {
                let name = names::manifest(&self.id, &self.mark, number);
                let size = chunk.iter().map(|segment| segment.size).sum();
                let text = manifest::text(container, chunk.iter().map(listed));
                let inner = manifest::put_inner(&self.account, container, name, size, text);
                manifests.push(inner.await?);
            }
        }
        let mut call = self.call().query("multipart-manifest=put");
        let text = if manifests.is_empty() {
            manifest::text(container, segments.iter().map(listed))
        } else {
            let count = HeaderValue::from(manifests.len());
            call = call.header(MANIFESTS, count);
            manifest::text(container, manifests.into_iter())
        };
        self.publish(call.body(vec![text])).await.map(drop)
    }

    /// A request that makes the image appear, if there is none.
    pub(super) fn call(&self) -> Call<'_> {
        Call::publishing(&self.place.container, &self.place.object, &self.mark)
    }

    pub(super) async fn publish(&self, call: Call<'_>) -> Result<Option<String>, StoreError> {
        self.take_turn().await;
        self.progress.begin();
        repeatedly(|| async { self.published(self.put(&call).await?).await }).await
    }

    /// Sends what can be repeated; a container that has gone since it was looked for is made again.
    pub(super) async fn put(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let answer = self.account.send(call).await?;
        if answer.status() != StatusCode::NOT_FOUND || !self.inner.options.create_container {
            return Ok(answer);
        }
        drain(answer, self.account.client.patience()).await;
        self.account.make_container(&self.place.container).await?;
        self.account.send(call).await
    }

    /// What came of the request that publishes: Swift's own checksum, if it tells one.
    pub(super) async fn published(
        &self,
        answer: Answer,
    ) -> Result<Tried<Option<String>>, StoreError> {
        let (status, tag) = (answer.status(), etag(&answer));
        drain(answer, self.account.client.patience()).await;
        match status {
            status if status.is_success() => Ok(Tried::Done(tag)),
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => self.is_ours(status).await,
            status => Err(self.not_kept(status)),
        }
    }

    /// There was an object already: of an attempt of ours whose answer was lost, perhaps.
    async fn is_ours(&self, status: StatusCode) -> Result<Tried<Option<String>>, StoreError> {
        let (container, object) = (&self.place.container, &self.place.object);
        match self.account.head(container, object).await? {
            Some(head) if head.upload.as_ref() == Some(&self.mark) => {
                Ok(Tried::Done(head.checksum()))
            }
            Some(_) => Err(StoreError::Duplicate),
            // What an upload left that was given up, and is removed by now.
            None => Ok(Tried::Not(refused(status))),
        }
    }

    pub(super) fn not_kept(&self, status: StatusCode) -> StoreError {
        if status != StatusCode::NOT_FOUND {
            return refused(status);
        }
        // Somebody removed the container: the next upload looks for it again.
        lock(&self.inner.containers).remove(&self.place.container);
        SwiftError::NoContainer.into()
    }
}
