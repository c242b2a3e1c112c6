//! Data on its way in, watched: it stops when the upload is cancelled, and reserves more of the
//! owner's quota as it grows.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, Stream};
use glance_core::wire::AcquireLease;
use glance_registry_client::{RegistryClient, RegistryError};
use glance_store::data::{Batch, DataSource, ImageData};
use glance_store::error::{DataError, StoreError};
use tokio::sync::watch;

use super::Requester;

/// How much more is reserved at once for data of unknown size; halved down to [`SMALLEST_STEP`]
/// when the quota has no room for it.
const STEP: u64 = 64 << 20;
const SMALLEST_STEP: u64 = 1 << 20;

/// Bytes of an owner's quota that an upload holds as part of its lease.
pub(super) struct Reservation {
    pub(super) registry: RegistryClient,
    pub(super) requester: Arc<Requester>,
    pub(super) image_id: String,
    pub(super) lease: AcquireLease,
}

impl Reservation {
    /// Makes sure that `bytes` are reserved.
    async fn cover(&mut self, bytes: u64) -> Result<(), StoreError> {
        if self.lease.quota.is_none() || bytes <= self.lease.bytes {
            return Ok(());
        }
        let mut step = STEP;
        loop {
            let lease = AcquireLease {
                bytes: bytes.saturating_add(step),
                ..self.lease.clone()
            };
            let caller = self.requester.caller();
            match self
                .registry
                .acquire_lease(caller, &self.image_id, &lease)
                .await
            {
                Ok(()) => {
                    self.lease = lease;
                    return Ok(());
                }
                Err(RegistryError::Refused { status: 413, .. }) if step > 0 => {
                    step = if step > SMALLEST_STEP { step / 2 } else { 0 };
                }
                Err(RegistryError::Refused { status: 413, .. }) => {
                    return Err(DataError::OverQuota.into());
                }
                Err(RegistryError::Refused { .. }) => return Err(DataError::Cancelled.into()),
                // The registry is away: what is on its way goes on; activation will ask it again.
                Err(error) => {
                    log::warn!("quota of image {} not checked: {error}", self.image_id);
                    return Ok(());
                }
            }
        }
    }
}

/// Watches one upload.
pub(super) struct Intake {
    cancelled: watch::Receiver<bool>,
    reservation: Option<Reservation>,
    taken: u64,
}

impl Intake {
    pub(super) fn new(cancelled: watch::Receiver<bool>, reservation: Option<Reservation>) -> Self {
        Self {
            cancelled,
            reservation,
            taken: 0,
        }
    }

    /// The same data, but it ends with an error when the upload is cancelled or over quota.
    pub(super) fn watch(self, data: ImageData) -> ImageData {
        let ImageData { source, .. } = data;
        let source = match source {
            DataSource::Stream(batches) => DataSource::Stream(Box::pin(self.watched(batches))),
            file => file,
        };
        ImageData { source, ..data }
    }

    fn watched(
        self,
        batches: impl Stream<Item = Result<Batch, StoreError>> + Unpin + Send,
    ) -> impl Stream<Item = Result<Batch, StoreError>> + Send {
        stream::unfold(Some((self, batches)), |state| async move {
            let (mut intake, mut batches) = state?;
            let next = tokio::select! {
                biased;
                () = intake.cancellation() => Some(Err(DataError::Cancelled.into())),
                next = batches.next() => next,
            };
            match next? {
                Ok(batch) => match intake.count(&batch).await {
                    Ok(()) => Some((Ok(batch), Some((intake, batches)))),
                    Err(error) => Some((Err(error), None)),
                },
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn count(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.taken += batch.iter().map(|piece| piece.len() as u64).sum::<u64>();
        match &mut self.reservation {
            Some(reservation) => reservation.cover(self.taken).await,
            None => Ok(()),
        }
    }

    async fn cancellation(&mut self) {
        if self
            .cancelled
            .wait_for(|cancelled| *cancelled)
            .await
            .is_err()
        {
            // Nobody can cancel any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn cancelling_ends_the_data_with_an_error() {
        let (cancel, cancelled) = watch::channel(false);
        let first = stream::iter([Ok(vec![Bytes::from_static(b"data")])]);
        let batches = Box::pin(first.chain(stream::pending()));
        let mut watched = Box::pin(Intake::new(cancelled, None).watched(batches));
        assert_eq!(watched.next().await.unwrap().unwrap().len(), 1);
        cancel.send(true).unwrap();
        let end = watched.next().await.unwrap().unwrap_err();
        assert!(matches!(end, StoreError::Data(DataError::Cancelled)));
        assert!(watched.next().await.is_none());
    }
}
