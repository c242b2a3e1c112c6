//! The daemon's own work, beside requests: it renews the leases of its uploads, recovers what others
//! left, and sweeps the stores.

use std::time::Duration;

use glance_config::chain;
use glance_core::wire::RenewLeases;
use glance_registry_client::{Caller, RegistryError};
use tokio::sync::watch;

use super::recovery::Recovery;
use super::sweep::sweep_stores;
use super::{ImageService, OwnToken, Requester};

/// What a daemon does without being asked. One of it runs in each API daemon.
#[derive(Debug)]
pub struct Upkeep {
    service: ImageService,
    token: OwnToken,
}

impl Upkeep {
    /// `token` proves to the registry who asks.
    pub fn new(service: ImageService, token: OwnToken) -> Self {
        Self { service, token }
    }

    /// Works until it is dropped. Renewal waits for the registry and for nothing else: a store that
    /// makes the other work wait must not cost the uploads to other stores their leases.
    pub async fn run(self) {
        let Self { service, token } = self;
        let (renewed, seen) = watch::channel(());
        let renewal = OwnWork::new(service.clone(), token.clone());
        let recovery = Recovery::new(OwnWork::new(service.clone(), token));
        tokio::join!(
            renew(renewal, renewed),
            recovery.run(seen),
            sweep_stores(service)
        );
    }
}

async fn renew(mut work: OwnWork, renewed: watch::Sender<()>) {
    let pause = Duration::from_secs(work.service.leases.seconds().into()) / 3;
    loop {
        work.prepare().await;
        let outcome = renew_once(&work).await;
        if outcome.is_ok() {
            renewed.send_replace(());
        }
        work.note(outcome);
        tokio::time::sleep(pause).await;
    }
}

async fn renew_once(work: &OwnWork) -> Result<(), RegistryError> {
    let leases = &work.service.leases;
    let renewal = RenewLeases {
        holder: leases.holder().to_owned(),
        seconds: leases.seconds(),
        images: leases.leased(),
    };
    let lost = work.service.registry.renew_leases(work.caller(), &renewal);
    for id in lost.await? {
        if leases.lost(&id) {
            log::warn!("the lease of image {id} is lost; its upload ends");
        }
    }
    Ok(())
}

/// One kind of work: as whom it is done, and what was last said of its failures.
#[derive(Debug)]
pub(super) struct OwnWork {
    pub(super) service: ImageService,
    pub(super) requester: Requester,
    token: OwnToken,
    complaint: Option<String>,
}

impl OwnWork {
    fn new(service: ImageService, token: OwnToken) -> Self {
        let role = service.config().access.admin_role.clone();
        Self {
            service,
            requester: Requester::service(&role, "req-recovery", None),
            token,
            complaint: None,
        }
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        self.requester.caller()
    }

    /// Gets a token that is good now.
    pub(super) async fn prepare(&mut self) {
        let role = &self.service.config().access.admin_role;
        self.requester.identity.token = self.token.get(role).await;
    }

    /// Logs why a round failed, once for as long as the reason stays the same.
    pub(super) fn note(&mut self, outcome: Result<(), RegistryError>) {
        let Err(error) = outcome else {
            self.complaint = None;
            return;
        };
        let complaint = match &error {
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
