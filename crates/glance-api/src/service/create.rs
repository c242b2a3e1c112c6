//! Registering an image, with or without its data.

use std::sync::Arc;

use glance_core::id::ImageId;
use glance_core::image::{Image, ImageStatus};
use glance_registry_client::{Limits, RegistryError};

use super::outside::Foreseen;
use super::{ImageService, NewImage, Requester, ServiceError, Source};

impl ImageService {
    /// Registers an image and, if its data comes along, uploads it.
    ///
    /// What can be refused is refused before anything is registered. When the data then fails, the
    /// image stays, `killed`. Dropping the future does not stop an upload: it ends by itself, at the
    /// latest when its data source says that the caller has gone.
    pub async fn create(
        &self,
        requester: Arc<Requester>,
        new: NewImage,
    ) -> Result<Image, ServiceError> {
        let NewImage {
            mut fields,
            store,
            source,
        } = new;
        let outside = self.outside(&source)?;
        let store = self.store_for(store.as_deref(), &source)?;
        let declared_size = fields.size.flatten();
        if let Source::Data(_) | Source::Location(_) = &source {
            require_formats(&fields.disk_format, &fields.container_format)?;
        }
        if let Source::Data(data) = &source {
            self.refuse_beyond_quota(data.size.or(declared_size.and_then(|s| s.try_into().ok())))?;
        }
        let outside = match outside {
            Some(outside) => Some(self.foreseen(&source, outside, declared_size).await?),
            None => None,
        };
        fields.status = Some(ImageStatus::Queued);
        // Glance registers 0 for a size that is not known yet.
        let foreseen = outside.as_ref().map(|outside| outside.size());
        fields.size = Some(Some(foreseen.or(declared_size).unwrap_or(0)));
        if let Some(Foreseen::At { location, .. }) = &outside {
            fields.location = Some(location.clone());
        }
        let image = self.reserve(&requester, &fields).await?;
        log::info!("image {} is queued", image.id);
        if let Some(outside) = outside {
            return self.follow(&requester, image, store, outside).await;
        }
        match source {
            Source::Data(data) => {
                let outcome = self
                    .upload(requester.clone(), image.clone(), store, data)
                    .await;
                if let Err(error @ ServiceError::OverStorageQuota) = &outcome {
                    // Refused before it began: nobody may wait for the data of this image.
                    self.kill(&requester, &image.id, ImageStatus::Queued, error)
                        .await;
                }
                outcome
            }
            Source::Nothing if declared_size == Some(0) => {
                self.activate_empty(&requester, &image).await
            }
            _ => Ok(image),
        }
    }

    async fn reserve(
        &self,
        requester: &Requester,
        fields: &glance_core::image::ImageFields,
    ) -> Result<Image, ServiceError> {
        let quota = self.config().limits.image_property_quota.limit();
        let id = fields.id.clone();
        let outcome = self
            .registry
            .add_image(requester.caller(), fields, quota)
            .await;
        outcome.map_err(|error| match (error, id) {
            (RegistryError::Refused { status: 409, .. }, Some(id)) => {
                ServiceError::Duplicate { id }
            }
            (error, id) => ServiceError::from_registry(error, &id.unwrap_or_default()),
        })
    }

    /// An image that is declared to have no bytes is active without any data (Glance's behaviour).
    async fn activate_empty(
        &self,
        requester: &Requester,
        image: &Image,
    ) -> Result<Image, ServiceError> {
        let fields = glance_core::image::ImageFields {
            status: Some(ImageStatus::Active),
            ..Default::default()
        };
        let limits = Limits {
            from_state: Some(ImageStatus::Queued),
            ..Limits::default()
        };
        self.registry
            .update_image(requester.caller(), &image.id, &fields, limits)
            .await
            .map_err(|error| ServiceError::from_registry(error, &image.id))
    }

    /// Refuses before the body travels what can never fit.
    pub(super) fn refuse_beyond_quota(&self, size: Option<u64>) -> Result<(), ServiceError> {
        let quota = self.config().limits.user_storage_quota.limit();
        match (size, quota) {
            (Some(size), Some(quota)) if size > quota => Err(ServiceError::OverStorageQuota),
            _ => Ok(()),
        }
    }
}

/// An active image has both formats.
pub(super) fn require_formats(
    disk: &Option<Option<String>>,
    container: &Option<Option<String>>,
) -> Result<(), ServiceError> {
    if disk.as_ref().and_then(Option::as_ref).is_none() {
        return Err(ServiceError::NoDiskFormat);
    }
    if container.as_ref().and_then(Option::as_ref).is_none() {
        return Err(ServiceError::NoContainerFormat);
    }
    Ok(())
}

/// The identifier of a registered image, as a store takes it.
pub(super) fn image_id(image: &Image) -> Result<ImageId, ServiceError> {
    image.id.parse().map_err(|_| ServiceError::NotFound {
        id: image.id.clone(),
    })
}
