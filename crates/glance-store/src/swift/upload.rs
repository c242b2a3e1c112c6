//! An upload: the data of one image on its way into Swift.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use glance_config::chain;
use glance_core::id::ImageId;
use hyper::header::{CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{RwLock, oneshot};
use tokio::time::timeout;

use super::Inner;
use super::account::{Account, Call};
use super::answer::{ATTEMPTS, Answer, drain, etag};
use super::error::{SwiftError, refused};
use super::location::SwiftLocation;
use super::manifest::{self, Listed};
use super::measured::measured;
use super::object::{MANIFESTS, UPLOAD};
use super::{lock, names, remove};
use crate::data::{Batch, BatchStream, ImageData};
use crate::error::{DataError, StoreError};
use crate::md5::Md5Digest;
use crate::net::pause::pause;
use crate::parts::{Part, Parts};
use crate::store::Added;

/// A server may still take what was sent when its connection was cut: after this, it has.
const SETTLING: Duration = Duration::from_secs(2);

/// How long removing waits for segments that are on their way.
const LANDING: Duration = Duration::from_secs(5);

/// One upload. It runs in a task of its own, which cleans up when its caller goes away.
pub(super) struct Upload {
    inner: Arc<Inner>,
    account: Account,
    place: SwiftLocation,
    id: ImageId,
    /// Tells its objects from those of other uploads of the same image.
    mark: String,
    /// Something may lie in Swift.
    begun: AtomicBool,
    /// Read while a segment is on its way, which goes on when its upload is given up: what Swift has
    /// of a request that is cut short is not known.
    flights: Arc<RwLock<()>>,
    /// The server has all the data, so there will be an object whatever happens here.
    sealed: Arc<AtomicBool>,
}

/// Data that is there, and whose caller may be gone: unless it is taken, it is removed again.
struct Receipt {
    added: Option<Added>,
    upload: Arc<Upload>,
}

/// What is ready for publication.
enum Ready {
    /// It is published.
    Done(Option<String>),
    /// Little data.
    Whole(Batch),
    /// Segments.
    Segments(Vec<Segment>),
}

struct Segment {
    number: u32,
    size: u64,
    md5: Md5Digest,
}

type Outcome = Result<Receipt, StoreError>;

impl Upload {
    pub(super) fn new(
        inner: Arc<Inner>,
        account: Account,
        place: SwiftLocation,
        id: &ImageId,
    ) -> Self {
        *lock(&inner.running)
            .entry(place.object.clone())
            .or_default() += 1;
        Self {
            inner,
            account,
            place,
            id: id.clone(),
            mark: names::new_mark(),
            begun: AtomicBool::new(false),
            flights: Arc::default(),
            sealed: Arc::default(),
        }
    }

    /// Whether no other upload of the image runs here.
    fn is_alone(&self) -> bool {
        lock(&self.inner.running).get(&self.place.object) == Some(&1)
    }

    /// Keeps `data`. After an error, or when the future is dropped, nothing is left soon after.
    pub(super) async fn run(self, data: ImageData) -> Result<Added, StoreError> {
        let (tell, told) = oneshot::channel();
        tokio::spawn(Arc::new(self).work(data, tell));
        let outcome: Outcome = told
            .await
            .unwrap_or_else(|_| Err(SwiftError::BrokenOff.into()));
        outcome?.take()
    }

    async fn work(self: Arc<Self>, data: ImageData, mut tell: oneshot::Sender<Outcome>) {
        match self.keep(data, &mut tell).await {
            Ok(checksum) => {
                let added = Some(Added {
                    location: self.place.write(),
                    checksum,
                });
                let upload = self;
                // If nobody is there to hear it, the receipt removes the data.
                drop(tell.send(Ok(Receipt { added, upload })));
            }
            Err(error) => {
                self.remove().await;
                drop(tell.send(Err(error)));
                tokio::time::sleep(SETTLING).await;
                self.remove().await;
            }
        }
    }

    /// Sends everything and publishes it; the checksum is Swift's own.
    async fn keep(
        self: &Arc<Self>,
        data: ImageData,
        tell: &mut oneshot::Sender<Outcome>,
    ) -> Result<Option<String>, StoreError> {
        let ready = tokio::select! {
            biased;
            ready = self.prepare(data) => ready?,
            () = self.abandoned(tell) => return Err(DataError::Disconnected.into()),
        };
        match ready {
            Ready::Done(checksum) => Ok(checksum),
            Ready::Whole(pieces) => self.publish(self.call().body(pieces)).await,
            Ready::Segments(segments) => self.publish_manifest(segments).await.map(|()| None),
        }
    }

    /// Ready when nobody waits for the upload any more and it can still be kept from appearing.
    async fn abandoned(&self, tell: &mut oneshot::Sender<Outcome>) {
        tell.closed().await;
        if self.sealed.load(Relaxed) {
            pending().await
        }
    }

    async fn prepare(self: &Arc<Self>, data: ImageData) -> Result<Ready, StoreError> {
        self.prepare_container().await?;
        let (container, object) = (&self.place.container, &self.place.object);
        if self.account.head(container, object).await?.is_some() {
            return Err(StoreError::Duplicate);
        }
        let options = &self.inner.options;
        let size = data.size;
        let ended = Arc::default();
        match size {
            Some(size) if size > options.segment && size < options.large => {
                let source = measured(data.into_stream(), Some(size), self.sealed.clone());
                self.stream(source, size).await.map(Ready::Done)
            }
            _ => {
                let source = measured(data.into_stream(), size, ended);
                let mut parts = Parts::new(source);
                // There is always a first part, if only an empty one.
                let first = parts.next(options.segment).await?;
                let first = first.ok_or(SwiftError::BrokenOff)?;
                if first.last {
                    return Ok(Ready::Whole(first.pieces));
                }
                self.send_segments(first, parts).await.map(Ready::Segments)
            }
        }
    }

    async fn prepare_container(&self) -> Result<(), StoreError> {
        let container = &self.place.container;
        let shared = !self.inner.owns(&self.place);
        if shared && lock(&self.inner.containers).contains(container) {
            return Ok(());
        }
        if !self.account.has_container(container).await? {
            if !self.inner.options.create_container {
                return Err(SwiftError::NoContainer.into());
            }
            self.begun.store(true, Relaxed);
            self.account.make_container(container).await?;
        }
        if shared {
            let mut known = lock(&self.inner.containers);
            if known.len() >= super::REMEMBERED {
                known.clear();
            }
            known.insert(container.clone());
        }
        Ok(())
    }

    /// Sends data that is not held, in one piece.
    async fn stream(&self, source: BatchStream, size: u64) -> Result<Option<String>, StoreError> {
        let _turn = self.inner.turns.take(&self.place.object).await;
        self.begun.store(true, Relaxed);
        let call = self
            .call()
            .header("content-length", HeaderValue::from(size));
        let answer = self.account.send_stream(&call, source, Some(size)).await?;
        self.published(answer).await
    }

    async fn send_segments(
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

    /// Publishes the segments; manifests of them first, if they are too many for one.
    async fn publish_manifest(&self, segments: Vec<Segment>) -> Result<(), StoreError> {
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
    fn call(&self) -> Call<'_> {
        let mut call = Call::object(Method::PUT, &self.place.container, &self.place.object);
        call.headers.insert(CONTENT_TYPE, octets());
        call.headers
            .insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        if let Ok(mark) = HeaderValue::from_str(&self.mark) {
            call.headers.insert(UPLOAD, mark);
        }
        call
    }

    async fn publish(&self, call: Call<'_>) -> Result<Option<String>, StoreError> {
        let _turn = self.inner.turns.take(&self.place.object).await;
        self.begun.store(true, Relaxed);
        let answer = self.put(&call).await?;
        self.published(answer).await
    }

    /// Sends what can be repeated; a container that has gone since it was looked for is made again.
    async fn put(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let answer = self.account.send(call).await?;
        if answer.status() != StatusCode::NOT_FOUND || !self.inner.options.create_container {
            return Ok(answer);
        }
        drain(answer, self.account.client.patience()).await;
        self.account.make_container(&self.place.container).await?;
        self.account.send(call).await
    }

    /// What came of the request that publishes: Swift's own checksum.
    async fn published(&self, answer: Answer) -> Result<Option<String>, StoreError> {
        let (status, tag) = (answer.status(), etag(&answer));
        drain(answer, self.account.client.patience()).await;
        match status {
            status if status.is_success() => Ok(tag),
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => self.is_ours().await,
            status => Err(self.not_kept(status)),
        }
    }

    /// There was an object already: of an attempt of ours whose answer was lost, perhaps.
    async fn is_ours(&self) -> Result<Option<String>, StoreError> {
        let (container, object) = (&self.place.container, &self.place.object);
        match self.account.head(container, object).await? {
            Some(head) if head.upload.as_ref() == Some(&self.mark) => Ok(head.checksum()),
            Some(_) => Err(StoreError::Duplicate),
            None => Err(SwiftError::Status(StatusCode::CONFLICT.as_u16()).into()),
        }
    }

    fn not_kept(&self, status: StatusCode) -> StoreError {
        if status != StatusCode::NOT_FOUND {
            return refused(status);
        }
        // Somebody removed the container: the next upload looks for it again.
        lock(&self.inner.containers).remove(&self.place.container);
        SwiftError::NoContainer.into()
    }

    /// Removes whatever this upload left, and nothing else.
    async fn remove(&self) {
        if !self.begun.load(Relaxed) {
            return;
        }
        drop(timeout(LANDING, self.flights.write()).await);
        if let Err(error) = self.try_remove().await {
            let (id, error) = (&self.id, chain(&error));
            log::warn!("image {id}: what its upload left in Swift waits for a sweep: {error}");
        }
    }

    async fn try_remove(&self) -> Result<(), StoreError> {
        let (container, object) = (&self.place.container, &self.place.object);
        let head = self.account.head(container, object).await?;
        let others = match head.map(|head| head.upload) {
            Some(Some(mark)) if mark == self.mark => {
                self.account.delete(container, object).await?;
                false
            }
            Some(_) => true,
            None => false,
        };
        let prefix = format!("{}-{}-", self.id, self.mark);
        remove::prefix(&self.account, container, &prefix).await?;
        if !others && self.inner.owns(&self.place) && self.is_alone() {
            remove::empty_container(&self.account, container).await?;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut running = lock(&self.inner.running);
        if let Some(count) = running.get_mut(&self.place.object) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.place.object);
            }
        }
    }
}

impl Receipt {
    fn take(mut self) -> Result<Added, StoreError> {
        self.added
            .take()
            .ok_or_else(|| SwiftError::BrokenOff.into())
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let (Some(_), Ok(runtime)) = (self.added.take(), Handle::try_current()) else {
            return;
        };
        let upload = self.upload.clone();
        runtime.spawn(async move { upload.remove().await });
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}
