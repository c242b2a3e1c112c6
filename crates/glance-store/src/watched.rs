//! Notices when a store is down, says so once, and answers quickly until it is back.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use glance_config::chain;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::{Map, Value};

use crate::data::ImageData;
use crate::error::StoreError;
use crate::store::{Added, ByteRange, Capabilities, HeldStream, ImageStat, ImageStore, Readers};

/// Failures in a row after which a store is left alone for a moment.
const FAILURES: u32 = 3;

/// How long: all calls but one fail at once meanwhile.
const RESPITE: Duration = Duration::from_secs(1);

/// A store whose failures are counted. One failure is told in the log, and the end of the trouble;
/// what happens in between is not.
#[derive(Debug)]
struct Watched {
    store: Arc<dyn ImageStore>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// Nobody need try before.
    respite: Option<Instant>,
}

/// `store`, watched.
pub(crate) fn watched(store: Arc<dyn ImageStore>) -> Arc<dyn ImageStore> {
    Arc::new(Watched {
        store,
        health: Mutex::default(),
    })
}

impl Watched {
    /// Lets a call through, unless the store has just failed several times.
    fn admit(&self) -> Result<(), StoreError> {
        let mut health = self.health();
        let now = Instant::now();
        match health.respite {
            Some(end) if now < end => Err(StoreError::Unavailable(io::Error::other(
                "it failed several times just now",
            ))),
            Some(_) => {
                // This call finds out for the others.
                health.respite = Some(now + RESPITE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn record<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut health = self.health();
        match &outcome {
            Err(error @ StoreError::Unavailable(_)) => {
                health.failures = health.failures.saturating_add(1);
                if health.failures == 1 {
                    log::error!("store {} is in trouble: {}", self.name(), chain(error));
                }
                if health.failures >= FAILURES {
                    health.respite = Some(Instant::now() + RESPITE);
                }
            }
            // The source of the data failed, or brought too much.
            Err(StoreError::Data(_)) => {}
            _ => {
                if health.failures > 0 {
                    log::warn!("store {} works again", self.name());
                }
                *health = Health::default();
            }
        }
        outcome
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ImageStore for Watched {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.store.schemes()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn failures(&self) -> Option<u32> {
        Some(self.health().failures)
    }

    async fn add(
        &self,
        id: &ImageId,
        data: ImageData,
        caller: &Identity,
    ) -> Result<Added, StoreError> {
        self.admit()?;
        let size = data.size;
        let source_failed = Arc::new(AtomicBool::new(false));
        let failed = source_failed.clone();
        let stream = data
            .into_stream()
            .inspect_err(move |_| failed.store(true, Relaxed));
        let data = ImageData::from_stream(size, stream);
        let outcome = self.store.add(id, data, caller).await;
        if source_failed.load(Relaxed) {
            // It is another store's data, perhaps; what went wrong there tells nothing about here.
            return outcome;
        }
        self.record(outcome)
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        caller: &Identity,
    ) -> Result<ImageData, StoreError> {
        self.admit()?;
        self.record(self.store.get(location, range, caller).await)
    }

    async fn stat(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<ImageStat, StoreError> {
        self.admit()?;
        self.record(self.store.stat(location, caller).await)
    }

    async fn delete(&self, location: &LocationUrl, caller: &Identity) -> Result<(), StoreError> {
        self.admit()?;
        self.record(self.store.delete(location, caller).await)
    }

    fn metadata(&self, location: &LocationUrl) -> Map<String, Value> {
        self.store.metadata(location)
    }

    async fn discard(&self, id: &ImageId, caller: &Identity) -> Result<(), StoreError> {
        self.admit()?;
        self.record(self.store.discard(id, caller).await)
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        caller: &Identity,
    ) -> Result<(), StoreError> {
        self.admit()?;
        self.record(self.store.share(location, readers, caller).await)
    }

    fn list(&self) -> HeldStream<'_> {
        self.store.list()
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        self.admit()?;
        self.record(self.store.sweep(idle).await)
    }
}
