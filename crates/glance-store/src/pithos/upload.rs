//! An upload: the data of one image on its way into Pithos.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use glance_config::chain;
use glance_core::id::ImageId;
use glance_core::pithos::PithosLocation;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Inner;
use super::account::Account;
use super::error::PithosError;
use super::publish::Ready;
use crate::data::ImageData;
use crate::error::{DataError, StoreError};
use crate::measured::measured;
use crate::off_reactor::blocking;
use crate::parts::Parts;
use crate::store::Added;
use crate::turns::Mine;

/// A server may still take what was sent when its connection was cut: after this, it has.
const SETTLING: Duration = Duration::from_secs(2);

/// One upload. It runs in a task of its own, which cleans up when its caller goes away.
///
/// Blocks belong to nobody and cannot be read by themselves: Pithos removes what no object has.
pub(super) struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) account: Account,
    pub(super) place: PithosLocation,
    id: ImageId,
    /// Tells its object from those of other uploads of the same image.
    pub(super) mark: String,
    /// There may be an object.
    begun: AtomicBool,
}

/// Data that is there, and whose caller may be gone: unless it is taken, it is removed again, and
/// only then is it another upload's turn.
struct Receipt {
    added: Option<Added>,
    upload: Arc<Upload>,
    turn: Option<Mine>,
}

type Outcome = Result<Receipt, StoreError>;

impl Upload {
    pub(super) fn new(
        inner: Arc<Inner>,
        account: Account,
        place: PithosLocation,
        id: &ImageId,
    ) -> Self {
        Self {
            inner,
            account,
            place,
            id: id.clone(),
            mark: ImageId::generate().to_string(),
            begun: AtomicBool::new(false),
        }
    }

    /// From now on there may be an object of this upload.
    pub(super) fn begun(&self) {
        self.begun.store(true, Relaxed);
    }

    /// Keeps `data`. After an error, or when the future is dropped, nothing is left soon after.
    pub(super) async fn run(self, data: ImageData) -> Result<Added, StoreError> {
        let (tell, told) = oneshot::channel();
        tokio::spawn(Arc::new(self).work(data, tell));
        let outcome: Outcome = told
            .await
            .unwrap_or_else(|_| Err(PithosError::BrokenOff.into()));
        outcome?.take()
    }

    async fn work(self: Arc<Self>, data: ImageData, mut tell: oneshot::Sender<Outcome>) {
        // Until it begins to appear it can be given up at any moment.
        let prepared = tokio::select! {
            biased;
            prepared = self.prepare(data) => prepared,
            () = tell.closed() => Err(DataError::Disconnected.into()),
        };
        let published = match prepared {
            Ok((ready, turn)) => self.publish(ready).await.map(|()| turn),
            Err(error) => Err(error),
        };
        match published {
            Ok(turn) => {
                let added = Some(Added {
                    location: self.place.url(),
                    // It has a hash, but not one that anybody else computes.
                    checksum: None,
                });
                let (upload, turn) = (self, Some(turn));
                // If nobody is there to hear it, the receipt removes the data.
                drop(tell.send(Ok(Receipt {
                    added,
                    upload,
                    turn,
                })));
            }
            Err(error) => {
                self.remove().await;
                drop(tell.send(Err(error)));
                if self.begun.load(Relaxed) {
                    tokio::time::sleep(SETTLING).await;
                    self.remove().await;
                }
            }
        }
    }

    /// Sends everything that is large, and waits until it is this upload's turn to publish.
    async fn prepare(&self, data: ImageData) -> Result<(Ready, Mine), StoreError> {
        let blocks = self.inner.blocks(&self.account, &self.place).await?;
        let name = self.place.to_string();
        let turn = self.inner.turns.take(&name).await;
        let (container, object) = (&self.place.container, &self.place.object);
        if self.account.head(container, object).await?.is_some() {
            return Err(StoreError::Duplicate);
        }
        drop(turn);
        let size = data.size;
        let mut parts = Parts::new(measured(data.into_stream(), size, Arc::default()));
        // There is always a first part, if only an empty one.
        let first = parts.next(blocks.size).await?;
        let first = first.ok_or(PithosError::BrokenOff)?;
        let ready = if first.last {
            let (size, pieces) = (first.length, first.pieces);
            let hashed = pieces.clone();
            let root = blocking(move || Ok(blocks.hashing.block(&hashed))).await?;
            Ready::Whole { size, root, pieces }
        } else {
            self.send_blocks(first, parts, blocks).await?
        };
        Ok((ready, self.inner.turns.take(&name).await))
    }

    /// Removes the object of this upload, and no other.
    async fn remove(&self) {
        if !self.begun.load(Relaxed) {
            return;
        }
        if let Err(error) = self.try_remove().await {
            let (id, error) = (&self.id, chain(&error));
            log::warn!("image {id}: what its upload left in Pithos stays: {error}");
        }
    }

    async fn try_remove(&self) -> Result<(), StoreError> {
        let (container, object) = (&self.place.container, &self.place.object);
        let head = self.account.head(container, object).await?;
        if head.is_some_and(|head| head.upload.as_ref() == Some(&self.mark)) {
            self.account.delete(container, object).await?;
        }
        Ok(())
    }
}

impl Receipt {
    fn take(mut self) -> Result<Added, StoreError> {
        self.added
            .take()
            .ok_or_else(|| PithosError::BrokenOff.into())
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let (Some(_), Ok(runtime)) = (self.added.take(), Handle::try_current()) else {
            return;
        };
        let (upload, turn) = (self.upload.clone(), self.turn.take());
        runtime.spawn(async move {
            upload.remove().await;
            drop(turn);
        });
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
