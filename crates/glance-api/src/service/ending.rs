//! How an upload ends: `active`, `killed`, or left to recovery when the registry cannot be told.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glance_config::chain;
use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::location::LocationData;
use glance_registry_client::{Limits, RegistryError};
use glance_store::error::StoreError;
use glance_store::store::ImageStore;
use glance_store::stores::Stored;

use super::{ImageService, Requester, ServiceError};

/// The first pause before another attempt to activate; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl ImageService {
    /// Makes the image active if it is still `saving`, and tries again for a while when the registry
    /// does not answer.
    pub(super) async fn activate(
        &self,
        requester: &Requester,
        image: &Image,
        stored: &Stored,
    ) -> Result<Image, ServiceError> {
        let id = &image.id;
        let url = self.encrypted(&stored.location).map_err(|error| {
            ServiceError::Store(StoreError::Unavailable(io::Error::other(error)))
        })?;
        let mut location = LocationData::active(url.clone());
        location.metadata = stored.metadata.clone();
        let fields = ImageFields {
            status: Some(ImageStatus::Active),
            size: Some(Some(i64::try_from(stored.size).unwrap_or(i64::MAX))),
            checksum: Some(Some(stored.md5_hex.clone())),
            location: Some(url.clone()),
            location_data: Some(vec![location]),
            ..ImageFields::default()
        };
        let limits = Limits {
            from_state: Some(ImageStatus::Saving),
            ..Limits::default()
        };
        let give_up = Instant::now() + self.config().service.activate_retry_seconds;
        let mut pause = FIRST_PAUSE;
        let mut asked_before = false;
        loop {
            match self
                .registry
                .update_image(requester.caller(), id, &fields, limits)
                .await
            {
                Ok(image) => return Ok(image),
                Err(RegistryError::Refused {
                    status: 404 | 409, ..
                }) if asked_before => {
                    // Perhaps an earlier attempt took effect and only its answer was lost.
                    return match self.registry.get_image(requester.caller(), id).await {
                        Ok(image) if image.location.as_ref() == Some(&url) => Ok(image),
                        Ok(_) | Err(RegistryError::Refused { .. }) => {
                            Err(ServiceError::DeletedDuringUpload { id: id.clone() })
                        }
                        Err(error) => Err(ServiceError::Registry(error)),
                    };
                }
                Err(RegistryError::Refused {
                    status: 404 | 409, ..
                }) => {
                    return Err(ServiceError::DeletedDuringUpload { id: id.clone() });
                }
                Err(error @ RegistryError::Unavailable(_)) if Instant::now() < give_up => {
                    log::warn!("image {id} is stored; activating it again in {pause:?}: {error}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    asked_before = true;
                }
                Err(error) => return Err(ServiceError::from_registry(error, id)),
            }
        }
    }

    /// Marks an image in status `from` whose upload failed. If that fails too, the lease runs out and
    /// recovery does it. Does nothing to an image in another status.
    pub(super) async fn kill(
        &self,
        requester: &Requester,
        id: &str,
        from: ImageStatus,
        reason: &ServiceError,
    ) {
        let fields = ImageFields {
            status: Some(ImageStatus::Killed),
            ..ImageFields::default()
        };
        let limits = Limits {
            from_state: Some(from),
            ..Limits::default()
        };
        match self
            .registry
            .update_image(requester.caller(), id, &fields, limits)
            .await
        {
            Ok(_) => log::warn!("image {id} is killed: {}", chain(reason)),
            Err(RegistryError::Refused { .. }) => {
                log::warn!("the upload of image {id}, which is gone, ends: {reason}");
            }
            Err(error) => log::error!("image {id} stays saving for recovery: {reason}; {error}"),
        }
    }

    pub(super) async fn discard(
        &self,
        requester: &Requester,
        store: &Arc<dyn ImageStore>,
        stored: &Stored,
    ) {
        if let Err(error) = store.delete(&stored.location, &requester.identity).await
            && !matches!(error, StoreError::NotFound)
        {
            log::error!("rejected data is left at {}: {error}", stored.location);
        }
    }

    pub(super) async fn release(&self, requester: &Requester, id: &str) {
        let holder = self.leases.holder();
        match self
            .registry
            .release_lease(requester.caller(), id, holder)
            .await
        {
            Ok(()) | Err(RegistryError::Refused { .. }) => {}
            Err(error) => log::warn!("the lease of image {id} runs out by itself: {error}"),
        }
    }
}
