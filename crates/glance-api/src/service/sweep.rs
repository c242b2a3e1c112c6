//! Removes from the stores what uploads left unfinished that no lease tells of.

use std::time::{Duration, Instant};

use glance_config::chain;

use super::ImageService;

/// The stores are swept at least so often.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// `sweep_after` may change meanwhile; it is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// Sweeps every store when the daemon starts and twice in each `sweep_after`, until it is dropped.
pub(super) async fn sweep_stores(service: ImageService) {
    let mut swept: Option<Instant> = None;
    loop {
        let idle = service.config().service.sweep_after;
        let pause = (idle / 2).min(LONGEST_PAUSE);
        if !idle.is_zero() && swept.is_none_or(|swept| swept.elapsed() >= pause) {
            swept = Some(Instant::now());
            sweep_once(&service, idle).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn sweep_once(service: &ImageService, idle: Duration) {
    for store in service.stores.all() {
        match store.sweep(idle).await {
            Ok(0) => {}
            Ok(swept) => log::info!("store {}: {swept} leftovers are removed", store.name()),
            Err(error) => {
                log::warn!("store {} is not swept: {}", store.name(), chain(&error));
            }
        }
    }
}
