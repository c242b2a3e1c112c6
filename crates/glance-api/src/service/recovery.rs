//! Brings to a definite state what a crash left unfinished, and scrubs what was deleted with delay.

use std::time::{Duration, Instant};

use glance_config::chain;
use glance_core::image::{ImageFields, ImageStatus};
use glance_core::wire::{RecoveryItem, RecoveryReason, RenewLeases, TakeOver};
use glance_registry_client::{Limits, RegistryError};
use glance_store::error::StoreError;

use super::{ImageService, OwnToken, Requester};

/// How many images one round takes over.
const ROUND: u32 = 32;
/// The stores are swept at least so often.
const LONGEST_SWEEP_PAUSE: Duration = Duration::from_secs(3600);
/// How long a round has for them, at the least.
const TAKEOVER_SECONDS: u32 = 60;

/// The daemon's own work, beside requests: renews the leases of running uploads, and finishes what
/// others left. One of it runs in each API daemon.
#[derive(Debug)]
pub struct Recovery {
    service: ImageService,
    requester: Requester,
    token: OwnToken,
    complaint: Option<String>,
    swept: Option<Instant>,
}

impl Recovery {
    /// `token` proves to the registry who asks.
    pub fn new(service: ImageService, token: OwnToken) -> Self {
        let role = service.config().access.admin_role.clone();
        let requester = Requester::service(&role, "req-recovery", None);
        Self {
            service,
            requester,
            token,
            complaint: None,
            swept: None,
        }
    }

    /// Works until it is dropped.
    pub async fn run(mut self) {
        let pause = Duration::from_secs(self.service.leases.seconds().into()) / 3;
        loop {
            let role = &self.service.config().access.admin_role;
            self.requester.identity.token = self.token.get(role).await;
            match self.round().await {
                Ok(()) => self.complaint = None,
                Err(error) => self.complain(&error),
            }
            self.sweep().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Renews first: after the registry was away, our own running uploads must not look abandoned.
    async fn round(&mut self) -> Result<(), RegistryError> {
        let leases = &self.service.leases;
        let renewal = RenewLeases {
            holder: leases.holder().to_owned(),
            seconds: leases.seconds(),
            images: leases.images(),
        };
        let registry = &self.service.registry;
        for id in registry
            .renew_leases(self.requester.caller(), &renewal)
            .await?
        {
            log::warn!("the lease of image {id} is lost; its upload ends");
            leases.cancel(&id);
        }
        let request = TakeOver {
            holder: leases.holder().to_owned(),
            seconds: leases.seconds().max(TAKEOVER_SECONDS),
            scrub_seconds: self.service.config().deletion.scrub_time.as_secs(),
            limit: ROUND,
        };
        for item in registry
            .take_over(self.requester.caller(), &request)
            .await?
        {
            if let Err(error) = self.finish(&item).await {
                log::warn!("image {} waits for another round: {error}", item.image_id);
            }
        }
        Ok(())
    }

    async fn finish(&self, item: &RecoveryItem) -> Result<(), RegistryError> {
        let id = &item.image_id;
        let gone = match item.reason {
            RecoveryReason::ExpiredLease => self.discard(id, item.store.as_deref()).await,
            RecoveryReason::InterruptedDelete | RecoveryReason::Scrub => {
                let caller = &self.requester.identity;
                self.service
                    .delete_data(caller, id, &item.location_data)
                    .await
            }
        };
        if !gone {
            // The lease of this round runs out, and the image is taken over again.
            return Ok(());
        }
        let (registry, caller) = (&self.service.registry, self.requester.caller());
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
                .release_lease(caller, id, self.service.leases.holder())
                .await,
        )
    }

    /// From time to time removes what uploads left unfinished that no lease tells of.
    async fn sweep(&mut self) {
        let idle = self.service.config().service.sweep_after;
        let due = self
            .swept
            .is_none_or(|swept| swept.elapsed() >= (idle / 2).min(LONGEST_SWEEP_PAUSE));
        if idle.is_zero() || !due {
            return;
        }
        self.swept = Some(Instant::now());
        for store in self.service.stores.all() {
            match store.sweep(idle).await {
                Ok(0) => {}
                Ok(swept) => log::info!("store {}: {swept} leftovers are removed", store.name()),
                Err(error) => {
                    log::warn!("store {} is not swept: {}", store.name(), chain(&error));
                }
            }
        }
    }

    /// Removes what an abandoned upload left in its store. False if something may still be there.
    async fn discard(&self, id: &str, store: Option<&str>) -> bool {
        let Ok(image_id) = id.parse() else {
            return true;
        };
        let Some(store) = store.and_then(|name| self.service.stores.by_name(name).ok()) else {
            log::error!("image {id} was uploaded to a store that is not configured here");
            return false;
        };
        match store.discard(&image_id, &self.requester.identity).await {
            Ok(()) | Err(StoreError::NotFound) => true,
            Err(error) => {
                log::error!("what an abandoned upload of image {id} left stays: {error}");
                false
            }
        }
    }

    /// Logs why a round failed, once for as long as the reason stays the same.
    fn complain(&mut self, error: &RegistryError) {
        let complaint = match error {
            RegistryError::Refused { status: 404, .. } => {
                "the registry knows no leases: uploads that a crash interrupts stay saving".into()
            }
            RegistryError::Refused {
                status: status @ (401 | 403),
                ..
            } => {
                self.token.refused(self.requester.identity.token.as_ref());
                format!(
                    "the registry refuses this daemon's own calls ({status}): uploads that a \
                     crash interrupts stay saving; with flavor trusted-auth set \
                     send_identity_headers, with keystone give our user the admin_role, with \
                     astakos set service_token in both daemons"
                )
            }
            other => format!("renewal of leases and recovery fail: {}", chain(other)),
        };
        if self.complaint.as_ref() != Some(&complaint) {
            log::warn!("{complaint}");
            self.complaint = Some(complaint);
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
