//! An upload: the data of one image on its way into Swift.

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glance_config::chain;
use glance_core::id::ImageId;
use hyper::header::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, RwLock, oneshot};
use tokio::time::timeout;

use super::Inner;
use super::account::Account;
use super::error::{SwiftError, refused};
use super::location::SwiftLocation;
use super::publish::Published;
use super::segments::Segment;
use super::{lock, names, remove};
use crate::data::{Batch, BatchStream, ImageData};
use crate::error::{DataError, StoreError};
use crate::measured::measured;
use crate::parts::Parts;
use crate::store::Added;

/// A server may still take what was sent when its connection was cut: after this, it has.
const SETTLING: Duration = Duration::from_secs(2);

/// How long removing waits for segments that are on their way.
const LANDING: Duration = Duration::from_secs(5);

/// One upload. It runs in a task of its own, which cleans up when its caller goes away.
pub(super) struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) account: Account,
    pub(super) place: SwiftLocation,
    pub(super) id: ImageId,
    /// Tells its objects from those of other uploads of the same image.
    pub(super) mark: String,
    /// Something may lie in Swift.
    pub(super) begun: AtomicBool,
    /// Read while a segment is on its way, which goes on when its upload is given up: what Swift has
    /// of a request that is cut short is not known.
    pub(super) flights: Arc<RwLock<()>>,
    /// Kept until the upload has ended for good or is removed.
    turn: Mutex<Option<OwnedMutexGuard<()>>>,
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
            turn: Mutex::default(),
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
                drop(lock(&self.turn).take());
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
            Some(size) if size > options.segment => {
                let source = measured(data.into_stream(), Some(size), ended);
                let segments = self.send_coming_segments(Parts::new(source), size);
                segments.await.map(Ready::Segments)
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
        self.take_turn().await;
        self.begun.store(true, Relaxed);
        let call = self
            .call()
            .header("content-length", HeaderValue::from(size));
        let answer = self.account.send_stream(&call, source, Some(size)).await?;
        match self.published(answer).await? {
            Published::Kept(checksum) => Ok(checksum),
            Published::Not(status) => Err(refused(status)),
        }
    }

    /// Waits until no other upload of the image publishes, or removes what it published.
    pub(super) async fn take_turn(&self) {
        let turn = self.inner.turns.take(&self.place.object).await;
        *lock(&self.turn) = Some(turn);
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
