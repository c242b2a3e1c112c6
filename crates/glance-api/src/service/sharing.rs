//! Telling stores that have rules of their own with whom an image is shared.

use glance_core::image::Image;
use glance_core::location::LocationUrl;
use glance_store::store::Readers;

use super::{ImageService, Requester, ServiceError};

impl ImageService {
    /// Lets those read the data of `image` at its store who may read the image, and nobody else.
    /// Does nothing, and asks nobody, unless a store of ours needs to know.
    ///
    /// After an error the image is as it was changed; the same change again tells the store again.
    pub(super) async fn share(
        &self,
        requester: &Requester,
        image: &Image,
    ) -> Result<(), ServiceError> {
        let places: Vec<LocationUrl> = image
            .location_data
            .iter()
            .filter(|location| location.status == "active")
            .filter_map(|location| self.decrypted(&location.url).ok())
            .filter(|url| self.has_rules(url))
            .collect();
        if places.is_empty() {
            return Ok(());
        }
        let members = self.members(requester, &image.id).await?;
        let readers = Readers {
            public: image.is_public,
            tenants: members.into_iter().map(|member| member.member_id).collect(),
        };
        for place in places {
            let store = self.stores.by_scheme(place.scheme())?;
            store.share(&place, &readers, &requester.identity).await?;
        }
        Ok(())
    }

    /// The same for an image that is known by its id only.
    pub(super) async fn share_by_id(
        &self,
        requester: &Requester,
        id: &str,
    ) -> Result<(), ServiceError> {
        if !self.stores.share() {
            return Ok(());
        }
        let image = self.find(requester, id).await?;
        self.share(requester, &image).await
    }

    fn has_rules(&self, url: &LocationUrl) -> bool {
        let store = self.stores.by_scheme(url.scheme());
        store.is_ok_and(|store| store.capabilities().share)
    }
}
