//! An upload: the data of one image on its way into Swift.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use glance_config::chain;
use glance_core::id::ImageId;
use hyper::header::HeaderValue;
use tokio::sync::RwLock;
use tokio::time::timeout;

use super::Inner;
use super::account::Account;
use super::answer::Tried;
use super::error::SwiftError;
use super::location::SwiftLocation;
use super::segments::Segment;
use super::{lock, names, remove};
use crate::data::{Batch, BatchStream, ImageData};
use crate::error::StoreError;
use crate::measured::measured;
use crate::outliving::{Outliving, Progress};
use crate::parts::Parts;
use crate::store::Added;

/// How long removing waits for segments that are on their way.
const LANDING: Duration = Duration::from_secs(5);

/// One upload.
pub(super) struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) account: Account,
    pub(super) place: SwiftLocation,
    pub(super) id: ImageId,
    /// Tells its objects from those of other uploads of the same image.
    pub(super) mark: String,
    /// Begun: something may lie in Swift.
    pub(super) progress: Progress,
    /// Read while a segment is on its way, which goes on when its upload is given up: what Swift has
    /// of a request that is cut short is not known.
    pub(super) flights: Arc<RwLock<()>>,
    /// The server has all the data, so there will be an object whatever happens here.
    sealed: Arc<AtomicBool>,
}

/// What is ready for publication.
pub(super) enum Ready {
    /// It is published.
    Done(Option<String>),
    /// Little data.
    Whole(Batch),
    /// Segments.
    Segments(Vec<Segment>),
}

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
            progress: Progress::default(),
            flights: Arc::default(),
            sealed: Arc::default(),
        }
    }

    /// Whether no other upload of the image runs here.
    fn is_alone(&self) -> bool {
        lock(&self.inner.running).get(&self.place.object) == Some(&1)
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
            self.progress.begin();
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
        self.progress.begin();
        let call = self
            .call()
            .header("content-length", HeaderValue::from(size));
        let answer = self.account.send_stream(&call, source, Some(size)).await?;
        match self.published(answer).await? {
            Tried::Done(checksum) => Ok(checksum),
            Tried::Not(error) => Err(error),
        }
    }

    /// Waits until no other upload of the image publishes, or removes what it published.
    pub(super) async fn take_turn(&self) {
        let turns = &self.inner.turns;
        self.progress.take_turn(turns, &self.place.object).await;
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

impl Outliving for Upload {
    type Ready = Ready;

    fn progress(&self) -> &Progress {
        &self.progress
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
            Some(size) if size > options.lengths.short && size < options.large => {
                let source = measured(data.into_stream(), Some(size), self.sealed.clone());
                self.stream(source, size).await.map(Ready::Done)
            }
            Some(size) if size > options.lengths.short => {
                let source = measured(data.into_stream(), Some(size), ended);
                let segments = self.send_coming_segments(Parts::new(source), size);
                segments.await.map(Ready::Segments)
            }
            _ => {
                let source = measured(data.into_stream(), size, ended);
                let mut parts = Parts::new(source);
                let first = parts.first(options.lengths.short).await?;
                if first.last {
                    return Ok(Ready::Whole(first.pieces));
                }
                self.send_segments(first, parts).await.map(Ready::Segments)
            }
        }
    }

    fn is_sealed(&self) -> bool {
        self.sealed.load(Relaxed)
    }

    /// The checksum is Swift's own.
    async fn finish(&self, ready: Ready) -> Result<Added, StoreError> {
        let checksum = match ready {
            Ready::Done(checksum) => checksum,
            Ready::Whole(pieces) => self.publish(self.call().body(pieces)).await?,
            Ready::Segments(segments) => {
                self.publish_manifest(segments).await?;
                None
            }
        };
        Ok(Added {
            location: self.place.write(),
            checksum,
        })
    }

    async fn remove(&self) {
        if !self.progress.is_begun() {
            return;
        }
        drop(timeout(LANDING, self.flights.write()).await);
        if let Err(error) = self.try_remove().await {
            let (id, error) = (&self.id, chain(&error));
            log::warn!("image {id}: what its upload left in Swift waits for a sweep: {error}");
        }
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

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
