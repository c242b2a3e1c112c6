//! Deleting an image: its record first, then its data, so that a crash in between leaves work for
//! recovery and never an image without data.

use glance_core::identity::Identity;
use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::location::LocationData;
use glance_registry_client::Limits;
use glance_store::error::StoreError;

use super::failpoint::failpoint;
use super::plankton::record::{is_registered, is_registered_place};
use super::{ImageService, Requester, ServiceError};

/// How often a deletion looks at an image again whose status changes meanwhile: it changes no more often.
const AGAIN: usize = 4;

impl ImageService {
    /// Deletes `image`, which the caller has just found. A running upload of it is cancelled.
    ///
    /// With `delayed_delete` an image that has data becomes `pending_delete` and keeps the data for
    /// `scrub_time`. When the store cannot delete the data now, the image is gone all the same and
    /// recovery deletes the data later.
    pub async fn delete(&self, requester: &Requester, image: &Image) -> Result<(), ServiceError> {
        let id = &image.id;
        let mut marked = self.mark_deleted(requester, image).await;
        for _ in 0..AGAIN {
            if !matches!(marked, Err(ServiceError::Conflict)) {
                break;
            }
            // An upload has just begun or ended, say: what is true now decides.
            let found = self.registry.get_image(requester.caller(), id).await;
            let found = found.map_err(|error| ServiceError::from_registry(error, id))?;
            marked = self.mark_deleted(requester, &found).await;
        }
        let marked = marked?;
        self.leases.cancel(id);
        failpoint("delete-after-mark");
        if marked.status == ImageStatus::Deleted
            && !self
                .delete_data(&requester.identity, id, &marked.location_data)
                .await
        {
            // The row stays as it is, `deleted` but not gone: recovery finds it by that.
            return Ok(());
        }
        failpoint("delete-after-data");
        self.registry
            .delete_image(requester.caller(), id)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))?;
        log::info!("image {id} is {}", marked.status);
        Ok(())
    }

    /// Makes `image` `deleted`, or `pending_delete` if its data is to wait; as it is then, with all its
    /// locations. [`ServiceError::Conflict`]: its status is another one by now.
    async fn mark_deleted(
        &self,
        requester: &Requester,
        image: &Image,
    ) -> Result<Image, ServiceError> {
        let id = &image.id;
        if image.protected {
            return Err(ServiceError::Protected { id: id.clone() });
        }
        match image.status {
            ImageStatus::PendingDelete => {
                return Err(ServiceError::PendingDelete { id: id.clone() });
            }
            ImageStatus::Deleted if image.deleted => {
                return Err(ServiceError::NotFound { id: id.clone() });
            }
            _ => {}
        }
        // An object of somebody's stays where it is: nothing waits for the scrubber.
        let delayed = self.config().deletion.delayed_delete
            && image.location.is_some()
            && !is_registered(image);
        let fields = if delayed {
            let pending = |location: &LocationData| LocationData {
                status: ImageStatus::PendingDelete.to_string(),
                ..location.clone()
            };
            ImageFields {
                status: Some(ImageStatus::PendingDelete),
                location_data: Some(image.location_data.iter().map(pending).collect()),
                ..ImageFields::default()
            }
        } else {
            ImageFields {
                status: Some(ImageStatus::Deleted),
                ..ImageFields::default()
            }
        };
        let limits = Limits {
            from_state: Some(image.status),
            ..Limits::default()
        };
        let marked = self
            .registry
            .update_image(requester.caller(), id, &fields, limits);
        marked
            .await
            .map_err(|error| ServiceError::from_registry(error, id))
    }

    /// Deletes the data at every location, also those that the registry calls deleted: it does so
    /// when the image goes, which may be before its data does. False when some of it may still be
    /// there. Objects that somebody registered are not ours and stay.
    pub(super) async fn delete_data(
        &self,
        caller: &Identity,
        id: &str,
        locations: &[LocationData],
    ) -> bool {
        let mut gone = true;
        for location in locations {
            if is_registered_place(location) {
                continue;
            }
            let url = match self.decrypted(&location.url) {
                Ok(url) => url,
                Err(error) => {
                    log::error!("the data of image {id} is not deleted yet: {error}");
                    gone = false;
                    continue;
                }
            };
            match self.stores.delete(&url, caller).await {
                // A location that no store of ours serves holds nothing that is ours to delete.
                Ok(())
                | Err(
                    StoreError::NotFound | StoreError::Unsupported | StoreError::UnknownStore(_),
                ) => {}
                Err(error) => {
                    log::error!("the data of image {id} is not deleted yet: {error}");
                    gone = false;
                }
            }
        }
        gone
    }
}
