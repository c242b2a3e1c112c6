//! Brings to a definite state what a crash left unfinished, and scrubs what was deleted with delay.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use glance_core::image::{ImageFields, ImageStatus};
use glance_core::wire::{RecoveryItem, RecoveryReason, TakeOver};
use glance_registry_client::{Limits, RegistryError};
use glance_store::error::StoreError;
use tokio::sync::watch;

use super::upkeep::OwnWork;

/// How many images one round takes over.
const ROUND: u32 = 32;
/// How many of them it works on at the same time, so that a store that is silent holds up no other.
const AT_ONCE: usize = 8;
/// How long a round has for them, at the least.
const TAKEOVER_SECONDS: u32 = 60;

/// Finishes what other runs of daemons left. It may wait for stores for long, so nothing that is in
/// a hurry is done here.
#[derive(Debug)]
pub(super) struct Recovery {
    work: OwnWork,
}

impl Recovery {
    pub(super) fn new(work: OwnWork) -> Self {
        Self { work }
    }

    /// Works until it is dropped. A round begins when leases have just been `renewed`, never before:
    /// after the registry was away, our own running uploads must not look abandoned.
    pub(super) async fn run(mut self, mut renewed: watch::Receiver<()>) {
        let fresh = Duration::from_secs(self.work.service.leases.seconds().into()) / 2;
        loop {
            renewed.mark_unchanged();
            if renewed.changed().await.is_err() {
                return;
            }
            let since = Instant::now();
            let mut more = true;
            while more && since.elapsed() < fresh {
                self.work.prepare().await;
                let outcome = self.round().await;
                more = matches!(outcome, Ok(true));
                self.work.note(outcome.map(drop));
            }
        }
    }

    /// Whether another round is worth it at once: this one had as many images as it may have, and finished
    /// them all.
    async fn round(&self) -> Result<bool, RegistryError> {
        let service = &self.work.service;
        let request = TakeOver {
            holder: service.leases.holder().to_owned(),
            seconds: service.leases.seconds().max(TAKEOVER_SECONDS),
            scrub_seconds: service.config().deletion.scrub_time.as_secs(),
            limit: ROUND,
        };
        let items = service.registry.take_over(self.work.caller(), &request);
        let items = items.await?;
        let is_full = items.len() >= ROUND as usize;
        let finish = async |item: RecoveryItem| match self.finish(&item).await {
            Ok(finished) => finished,
            Err(error) => {
                log::warn!("image {} waits for another round: {error}", item.image_id);
                false
            }
        };
        let finished = stream::iter(items).map(finish);
        let finished = finished.buffer_unordered(AT_ONCE);
        let all = finished.fold(true, async |all, finished| all && finished);
        Ok(all.await && is_full)
    }

    /// Whether it is done with the image.
    async fn finish(&self, item: &RecoveryItem) -> Result<bool, RegistryError> {
        let id = &item.image_id;
        let gone = match item.reason {
            RecoveryReason::ExpiredLease => self.discard(id, item.store.as_deref()).await,
            RecoveryReason::InterruptedDelete | RecoveryReason::Scrub => {
                let caller = &self.work.requester.identity;
                self.work
                    .service
                    .delete_data(caller, id, &item.location_data)
                    .await
            }
        };
        if !gone {
            // The lease of this round runs out, and the image is taken over again.
            return Ok(false);
        }
        let (registry, caller) = (&self.work.service.registry, self.work.caller());
        match item.reason {
            RecoveryReason::ExpiredLease => {
                log::warn!("image {id} is killed: its upload was abandoned");
            }
            RecoveryReason::InterruptedDelete => {
                accept_refusal(registry.delete_image(caller, id).await)?;
                log::info!("image {id} is deleted: its deletion had been interrupted");
            }
            RecoveryReason::Scrub => {
                let fields = ImageFields {
                    status: Some(ImageStatus::Deleted),
                    ..ImageFields::default()
                };
                let limits = Limits {
                    from_state: Some(ImageStatus::PendingDelete),
                    ..Limits::default()
                };
                accept_refusal(registry.update_image(caller, id, &fields, limits).await)?;
                log::info!("image {id} is deleted: scrubbed");
            }
        }
        accept_refusal(
            registry
                .release_lease(caller, id, self.work.service.leases.holder())
                .await,
        )?;
        Ok(true)
    }

    /// Removes what an abandoned upload left in its store. False if something may still be there.
    async fn discard(&self, id: &str, store: Option<&str>) -> bool {
        let Ok(image_id) = id.parse() else {
            return true;
        };
        let Some(store) = store.and_then(|name| self.work.service.stores.by_name(name).ok()) else {
            log::error!("image {id} was uploaded to a store that is not configured here");
            return false;
        };
        match store
            .discard(&image_id, &self.work.requester.identity)
            .await
        {
            Ok(()) | Err(StoreError::NotFound) => true,
            Err(error) => {
                log::error!("what an abandoned upload of image {id} left stays: {error}");
                false
            }
        }
    }
}

/// Somebody else was faster, or the image is gone: as good as done.
fn accept_refusal<T>(outcome: Result<T, RegistryError>) -> Result<(), RegistryError> {
    match outcome {
        Ok(_) | Err(RegistryError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
