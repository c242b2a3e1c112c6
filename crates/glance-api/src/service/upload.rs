//! From `queued` to `active` or `killed`: the one path on which data becomes an image.
//!
//! lease → `saving` → store → compare → `active`. The lease comes first, so that there is no moment
//! in which an image is `saving` and nobody would notice that its uploader died.

use std::io;
use std::sync::Arc;

use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::wire::AcquireLease;
use glance_registry_client::{Limits, RegistryError};
use glance_store::data::ImageData;
use glance_store::error::{DataError, StoreError};
use glance_store::store::ImageStore;
use glance_store::stores::Stored;

use super::create::image_id;
use super::failpoint::failpoint;
use super::intake::{Intake, Reservation};
use super::leases::Held;
use super::{ImageService, Requester, ServiceError};

impl ImageService {
    /// Uploads `data` to `image`, which is `queued`, and gives the active image.
    ///
    /// Runs as a task of its own: a caller who hangs up cannot leave the image `saving`. On an error
    /// the image is `killed` (or gone, if it was deleted meanwhile) and nothing of it is in the
    /// store; if the registry cannot be told, recovery sees to that. [`ServiceError::NotQueued`]
    /// leaves the image to whoever was faster.
    pub(super) async fn upload(
        &self,
        requester: Arc<Requester>,
        image: Image,
        store: Option<Arc<dyn ImageStore>>,
        data: ImageData,
    ) -> Result<Image, ServiceError> {
        let store = store.ok_or(ServiceError::StoreCannotAdd)?;
        let service = self.clone();
        let task = async move {
            service
                .upload_under_lease(&requester, image, &store, data)
                .await
        };
        actix_rt::spawn(task).await.unwrap_or_else(|error| {
            Err(ServiceError::Store(StoreError::Unavailable(
                io::Error::other(error),
            )))
        })
    }

    async fn upload_under_lease(
        &self,
        requester: &Arc<Requester>,
        image: Image,
        store: &Arc<dyn ImageStore>,
        data: ImageData,
    ) -> Result<Image, ServiceError> {
        let lease = self
            .take_lease(requester, &image, store.name(), data.size)
            .await?;
        self.upload_leased(requester, image, store, data, lease)
            .await
    }

    /// The first step of an upload: from now on somebody notices if this daemon dies.
    pub(super) async fn take_lease(
        &self,
        requester: &Arc<Requester>,
        image: &Image,
        store: &str,
        size: Option<u64>,
    ) -> Result<(Held, Option<Reservation>), ServiceError> {
        let held = self
            .leases
            .enter(&image.id)
            .ok_or(ServiceError::NotQueued)?;
        let reservation = self.reserve_bytes(requester, image, store, size).await?;
        if reservation.is_some() {
            held.leased();
        }
        failpoint("upload-after-lease");
        Ok((held, reservation))
    }

    /// All steps after it.
    pub(super) async fn upload_leased(
        &self,
        requester: &Arc<Requester>,
        image: Image,
        store: &Arc<dyn ImageStore>,
        data: ImageData,
        (held, reservation): (Held, Option<Reservation>),
    ) -> Result<Image, ServiceError> {
        let outcome = self
            .upload_held(requester, &image, store, data, &held, reservation)
            .await;
        if !matches!(outcome, Err(ServiceError::Registry(_))) {
            held.ends();
            self.release(requester, &image.id).await;
        }
        outcome
    }

    async fn upload_held(
        &self,
        requester: &Arc<Requester>,
        image: &Image,
        store: &Arc<dyn ImageStore>,
        data: ImageData,
        held: &Held,
        reservation: Option<Reservation>,
    ) -> Result<Image, ServiceError> {
        let id = &image.id;
        self.set_saving(requester, id).await?;
        failpoint("upload-after-saving");
        let stored = match self
            .keep(requester, image, store, data, held, reservation)
            .await
        {
            Ok(stored) => stored,
            Err(error) => {
                let error = self.explained(requester, id, error).await;
                self.kill(requester, id, ImageStatus::Saving, &error).await;
                return Err(error);
            }
        };
        failpoint("upload-after-store");
        match self.activate(requester, image, &stored).await {
            Ok(image) => {
                failpoint("upload-after-activate");
                log::info!("image {id} is active with {} bytes", stored.size);
                // The data is safe and the caller's: that others cannot read it yet is no failure.
                if let Err(error) = self.share(requester, &image).await {
                    log::error!("image {id}: its store is not told who may read it: {error}");
                }
                Ok(image)
            }
            // Whether the registry made it active is unknown: the lease decides, not we.
            Err(error @ ServiceError::Registry(_)) => {
                log::error!("image {id} is stored but could not be activated: {error}");
                Err(error)
            }
            Err(error) => {
                self.discard(requester, store, &stored).await;
                let error = self.explained(requester, id, error).await;
                self.kill(requester, id, ImageStatus::Saving, &error).await;
                Err(error)
            }
        }
    }

    /// Takes the lease and reserves the owner's quota. None if the registry knows no leases.
    async fn reserve_bytes(
        &self,
        requester: &Arc<Requester>,
        image: &Image,
        store: &str,
        size: Option<u64>,
    ) -> Result<Option<Reservation>, ServiceError> {
        let declared = image
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(0);
        let lease = AcquireLease {
            holder: self.leases.holder().to_owned(),
            seconds: self.leases.seconds(),
            store: store.to_owned(),
            bytes: size.unwrap_or(declared),
            quota: self.config().limits.user_storage_quota.limit(),
        };
        match self
            .registry
            .acquire_lease(requester.caller(), &image.id, &lease)
            .await
        {
            Ok(()) => {}
            // Glance's own registry. Without a lease, what a crash leaves `saving` stays so.
            Err(RegistryError::Refused { status: 404, .. }) => {
                log::debug!("the registry knows no leases");
                return Ok(None);
            }
            Err(RegistryError::Refused { status: 409, .. }) => return Err(ServiceError::NotQueued),
            Err(RegistryError::Refused { status: 413, .. }) => {
                return Err(ServiceError::OverStorageQuota);
            }
            Err(error) => return Err(ServiceError::from_registry(error, &image.id)),
        }
        Ok(Some(Reservation {
            registry: self.registry.clone(),
            requester: requester.clone(),
            image_id: image.id.clone(),
            lease,
        }))
    }

    async fn set_saving(&self, requester: &Requester, id: &str) -> Result<(), ServiceError> {
        let fields = ImageFields {
            status: Some(ImageStatus::Saving),
            ..ImageFields::default()
        };
        let limits = Limits {
            from_state: Some(ImageStatus::Queued),
            ..Limits::default()
        };
        match self
            .registry
            .update_image(requester.caller(), id, &fields, limits)
            .await
        {
            Ok(_) => Ok(()),
            Err(RegistryError::Refused { status: 409, .. }) => Err(ServiceError::NotQueued),
            Err(error) => Err(ServiceError::from_registry(error, id)),
        }
    }

    /// Stores the data and compares it with what was declared. On an error nothing is left.
    async fn keep(
        &self,
        requester: &Requester,
        image: &Image,
        store: &Arc<dyn ImageStore>,
        data: ImageData,
        held: &Held,
        reservation: Option<Reservation>,
    ) -> Result<Stored, ServiceError> {
        let declared = image
            .size
            .and_then(|size| u64::try_from(size).ok())
            .filter(|s| *s > 0);
        if let (Some(coming), Some(supplied)) = (data.size, declared)
            && coming != supplied
        {
            return Err(ServiceError::SizeMismatch {
                supplied,
                found: coming,
            });
        }
        let cap = self.config().limits.image_size_cap.get();
        let data = Intake::new(held.cancelled(), reservation).watch(data);
        let stored = self
            .stores
            .add(
                store,
                &image_id(image)?,
                data,
                Some(cap),
                &requester.identity,
            )
            .await?;
        let mismatch = match (declared, &image.checksum) {
            (Some(supplied), _) if supplied != stored.size => ServiceError::SizeMismatch {
                supplied,
                found: stored.size,
            },
            (_, Some(supplied)) if *supplied != stored.md5_hex => ServiceError::ChecksumMismatch {
                supplied: supplied.clone(),
                found: stored.md5_hex.clone(),
            },
            _ => return Ok(stored),
        };
        self.discard(requester, store, &stored).await;
        Err(mismatch)
    }

    /// Why an upload has failed that was told to end, or whose image changed under it: the image was
    /// deleted, or the lease ran out, whether somebody has killed the image since or not.
    async fn explained(
        &self,
        requester: &Requester,
        id: &str,
        error: ServiceError,
    ) -> ServiceError {
        match error {
            ServiceError::Data(DataError::OverQuota) => ServiceError::OverStorageQuota,
            ServiceError::Data(DataError::Cancelled) | ServiceError::DeletedDuringUpload { .. } => {
                let id = id.to_owned();
                let is_gone = match self.registry.get_image(requester.caller(), &id).await {
                    Ok(image) => !matches!(image.status, ImageStatus::Saving | ImageStatus::Killed),
                    Err(error) => matches!(error, RegistryError::Refused { .. }),
                };
                match is_gone {
                    true => ServiceError::DeletedDuringUpload { id },
                    false => ServiceError::GivenUp { id },
                }
            }
            other => other,
        }
    }
}
