//! An upload: the data of one image on its way into Pithos.

use std::fmt;
use std::sync::Arc;

use glance_config::chain;
use glance_core::id::ImageId;
use glance_core::pithos::PithosLocation;

use super::Inner;
use super::account::Account;
use super::publish::Ready;
use crate::data::ImageData;
use crate::error::StoreError;
use crate::measured::measured;
use crate::off_reactor::blocking;
use crate::outliving::{Outliving, Progress};
use crate::parts::Parts;
use crate::store::Added;

/// One upload.
///
/// Blocks belong to nobody and cannot be read by themselves: Pithos removes what no object has.
pub(super) struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) account: Account,
    pub(super) place: PithosLocation,
    id: ImageId,
    /// Tells its object from those of other uploads of the same image.
    pub(super) mark: String,
    /// Begun: there may be an object.
    pub(super) progress: Progress,
}

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
            progress: Progress::default(),
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

impl Outliving for Upload {
    type Ready = Ready;

    fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sends everything that is large, and waits until it is this upload's turn to publish.
    async fn prepare(self: &Arc<Self>, data: ImageData) -> Result<Ready, StoreError> {
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
        let first = parts.first(blocks.size).await?;
        let ready = if first.last {
            let (size, pieces) = (first.length, first.pieces);
            let hashed = pieces.clone();
            let root = blocking(move || Ok(blocks.hashing.block(&hashed))).await?;
            Ready::Whole { size, root, pieces }
        } else {
            self.send_blocks(first, parts, blocks).await?
        };
        self.progress.take_turn(&self.inner.turns, &name).await;
        Ok(ready)
    }

    async fn finish(&self, ready: Ready) -> Result<Added, StoreError> {
        self.publish(ready).await?;
        Ok(Added {
            location: self.place.url(),
            // It has a hash, but not one that anybody else computes.
            checksum: None,
        })
    }

    async fn remove(&self) {
        if !self.progress.is_begun() {
            return;
        }
        if let Err(error) = self.try_remove().await {
            let (id, error) = (&self.id, chain(&error));
            log::warn!("image {id}: what its upload left in Pithos stays: {error}");
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
