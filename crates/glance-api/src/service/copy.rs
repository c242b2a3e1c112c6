//! Copying an image from an outside source, in the background.
//!
//! The lease is there before the caller gets an answer, so a copy that dies with its daemon is
//! noticed: recovery makes its image `killed`. At most so many copies run at the same time; the
//! others wait, `saving`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use glance_config::chain;
use glance_core::identity::Identity;
use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::location::LocationUrl;
use glance_registry_client::{Limits, RegistryError};
use glance_store::data::{BatchStream, ImageData};
use glance_store::error::{DataError, StoreError};
use glance_store::store::ImageStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ImageService, Requester, ServiceError};

/// Copies that may wait for their turn. Each takes a few kilobytes.
const WAITING: usize = 1000;

/// The pause between attempts to tell the registry that a copy failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How many copies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyCount {
    /// Copies that have their turn.
    pub(crate) running: usize,
    /// Copies that will have it.
    pub(crate) waiting: usize,
}

/// The copies of a daemon.
#[derive(Debug)]
pub(super) struct Copies {
    parallel: usize,
    running: Arc<Semaphore>,
    accepted: Arc<Semaphore>,
}

/// A copy that was accepted: it will have its turn.
#[derive(Debug)]
pub(super) struct Place {
    running: Arc<Semaphore>,
    _accepted: OwnedSemaphorePermit,
}

/// What is copied.
#[derive(Debug)]
pub(super) struct Original {
    /// Where it is.
    pub(super) location: LocationUrl,
    /// Its size, if it was asked for just now. Nothing else is accepted then.
    pub(super) size: Option<u64>,
}

impl Copies {
    /// At most `parallel` at the same time.
    pub(super) fn new(parallel: usize) -> Self {
        let parallel = parallel.clamp(1, Semaphore::MAX_PERMITS - WAITING);
        Self {
            parallel,
            running: Arc::new(Semaphore::new(parallel)),
            accepted: Arc::new(Semaphore::new(parallel + WAITING)),
        }
    }

    /// How many there are now.
    pub(super) fn count(&self) -> CopyCount {
        let accepted = self.parallel + WAITING - self.accepted.available_permits();
        let running = self.parallel - self.running.available_permits();
        CopyCount {
            running,
            // One may have ended between the two looks.
            waiting: accepted.saturating_sub(running),
        }
    }

    /// Accepts one more, unless too many wait already.
    pub(super) fn place(&self) -> Option<Place> {
        let accepted = self.accepted.clone().try_acquire_owned().ok()?;
        Some(Place {
            running: self.running.clone(),
            _accepted: accepted,
        })
    }
}

impl ImageService {
    /// Begins to copy `original` to `image`, which is `queued`, and does not wait for it: the image
    /// will be `active`, or `killed` with the reason in the log. On an error it is `killed` now.
    pub(super) async fn begin_copy(
        &self,
        requester: &Arc<Requester>,
        image: &Image,
        store: Arc<dyn ImageStore>,
        original: Original,
        place: Place,
    ) -> Result<(), ServiceError> {
        // What was declared counts for nothing here, as in Glance: the source knows its size.
        let image = Image {
            size: None,
            ..image.clone()
        };
        let lease = match self
            .take_lease(requester, &image, store.name(), original.size)
            .await
        {
            Ok(lease) => lease,
            Err(error @ ServiceError::NotQueued) => return Err(error),
            Err(error) => {
                self.kill_queued(requester, &image.id, &error).await;
                return Err(error);
            }
        };
        let data = self.copied(original, place);
        let (service, requester) = (self.clone(), requester.clone());
        actix_rt::spawn(async move {
            let id = image.id.clone();
            let outcome = service
                .upload_leased(&requester, image, &store, data, lease)
                .await;
            let Err(error) = outcome else { return };
            log::warn!("image {id} is not copied: {}", chain(&error));
            // The registry was away before or after the image was `saving`. If before, nobody but
            // us would ever look at it again.
            if matches!(error, ServiceError::Registry(_)) {
                service.kill_queued(&requester, &id, &error).await;
            }
        });
        Ok(())
    }

    /// The data of `original`, which is asked for when its turn has come.
    fn copied(&self, original: Original, place: Place) -> ImageData {
        let Original { location, size } = original;
        let stores = self.stores.clone();
        let open = async move {
            let turn = place.running.clone().acquire_owned().await;
            let data = stores.get(&location, None, &Identity::default()).await?;
            if let (Some(declared), Some(received)) = (size, data.size)
                && declared != received
            {
                return Err(StoreError::Data(DataError::WrongSize {
                    declared,
                    received,
                }));
            }
            // Both are held until the data is there.
            let data = data.into_stream().inspect(move |_| {
                let _ = (&turn, &place);
            });
            Ok::<BatchStream, StoreError>(Box::pin(data))
        };
        ImageData::from_stream(size, stream::once(open).try_flatten())
    }

    /// Gives up an image that never got to `saving`, for as long as an upload is worth it.
    async fn kill_queued(&self, requester: &Requester, id: &str, reason: &ServiceError) {
        let fields = ImageFields {
            status: Some(ImageStatus::Killed),
            ..ImageFields::default()
        };
        let give_up = Instant::now() + self.config().service.activate_retry_seconds;
        loop {
            let limits = Limits {
                from_state: Some(ImageStatus::Queued),
                ..Limits::default()
            };
            match self
                .registry
                .update_image(requester.caller(), id, &fields, limits)
                .await
            {
                Ok(_) => return log::warn!("image {id} is killed: {}", chain(reason)),
                Err(RegistryError::Refused { .. }) => return,
                Err(error) if Instant::now() >= give_up => {
                    return log::error!("image {id} stays queued: {}", chain(&error));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_many_run_and_only_so_many_wait() {
        let copies = Copies::new(2);
        let places: Vec<Place> = (0..2 + WAITING).map(|_| copies.place().unwrap()).collect();
        assert!(copies.place().is_none());
        let turns: Vec<_> = places
            .iter()
            .filter_map(|p| p.running.clone().try_acquire_owned().ok())
            .collect();
        assert_eq!(turns.len(), 2);
        let full = CopyCount {
            running: 2,
            waiting: WAITING,
        };
        assert_eq!(copies.count(), full);
        drop(turns);
        drop(places);
        assert!(copies.place().is_some());
    }
}
