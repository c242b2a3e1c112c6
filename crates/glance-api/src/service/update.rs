//! Changing an image, with or without giving it its data.

use std::sync::Arc;

use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_registry_client::Limits;

use super::create::require_formats;
use super::{ImageService, ImageUpdate, Requester, ServiceError, Source};

impl ImageService {
    /// Changes `original`, which the caller has just found, and uploads its data if some comes
    /// along. What can be refused is refused before anything changes.
    pub async fn update(
        &self,
        requester: Arc<Requester>,
        original: &Image,
        update: ImageUpdate,
    ) -> Result<Image, ServiceError> {
        let ImageUpdate {
            mut fields,
            purge_properties,
            store,
            source,
        } = update;
        let queued = original.status == ImageStatus::Queued;
        if matches!(source, Source::Data(_)) && !queued {
            return Err(ServiceError::NotQueued);
        }
        let outside = self.outside(&source)?;
        if outside.is_some() && !queued {
            return Err(ServiceError::LocationOfUnqueued);
        }
        if let Source::Data(_) | Source::Location(_) = &source {
            let either = |new: &Option<Option<String>>, old: &Option<String>| {
                new.clone().or(Some(old.clone()))
            };
            require_formats(
                &either(&fields.disk_format, &original.disk_format),
                &either(&fields.container_format, &original.container_format),
            )?;
        }
        if let Source::Data(data) = &source {
            self.refuse_beyond_quota(data.size)?;
        }
        let store = match &source {
            Source::Data(_) | Source::CopyFrom(_) => self.store_for(store.as_deref(), &source)?,
            _ => None,
        };
        let outside = match outside {
            // What was declared earlier counts for nothing, as in Glance.
            Some(outside) => Some(
                self.foreseen(&source, outside, fields.size.flatten())
                    .await?,
            ),
            None => None,
        };
        if let Some(outside) = &outside {
            fields.size = Some(Some(outside.size()));
        }
        let image = self
            .update_fields(&requester, &original.id, &fields, purge_properties)
            .await?;
        if let Some(outside) = outside {
            return self.follow(&requester, image, store, outside).await;
        }
        match source {
            Source::Data(data) => self.upload(requester, image, store, data).await,
            _ => {
                if fields.is_public.is_some() {
                    self.share(&requester, &image).await?;
                }
                Ok(image)
            }
        }
    }

    async fn update_fields(
        &self,
        requester: &Requester,
        id: &str,
        fields: &ImageFields,
        purge_properties: bool,
    ) -> Result<Image, ServiceError> {
        let limits = Limits {
            purge_properties,
            from_state: None,
            property_quota: self.config().limits.image_property_quota.limit(),
        };
        self.registry
            .update_image(requester.caller(), id, fields, limits)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))
    }
}
