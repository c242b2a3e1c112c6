//! Lists of images, and one image.

use glance_core::image::Image;
use glance_registry_client::Page;

use super::{ImageService, Requester, ServiceError};

impl ImageService {
    /// One page of the images that the caller may see, short
    /// ([`ImageSummary`](glance_core::wire::ImageSummary)). `query` are filters and page as the registry
    /// takes them; wrong ones are [`ServiceError::Rejected`].
    pub async fn list(
        &self,
        requester: &Requester,
        query: &[(String, String)],
    ) -> Result<Page, ServiceError> {
        self.registry
            .get_images(requester.caller(), query)
            .await
            .map_err(|error| ServiceError::from_registry(error, ""))
    }

    /// The same with all that is shown of each image ([`ImageDetail`](glance_core::wire::ImageDetail)).
    pub async fn list_shown(
        &self,
        requester: &Requester,
        query: &[(String, String)],
    ) -> Result<Page, ServiceError> {
        self.registry
            .get_images_shown(requester.caller(), query)
            .await
            .map_err(|error| ServiceError::from_registry(error, ""))
    }

    /// The same list with all that is known of each image.
    pub async fn list_detailed(
        &self,
        requester: &Requester,
        query: &[(String, String)],
    ) -> Result<Vec<Image>, ServiceError> {
        self.registry
            .get_images_detailed(requester.caller(), query)
            .await
            .map_err(|error| ServiceError::from_registry(error, ""))
    }

    /// One image that the caller may see, in whatever status.
    pub async fn find(&self, requester: &Requester, id: &str) -> Result<Image, ServiceError> {
        self.registry
            .get_image(requester.caller(), id)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))
    }

    /// The same with all that is shown of it: its location is not told.
    pub async fn find_shown(&self, requester: &Requester, id: &str) -> Result<Image, ServiceError> {
        self.registry
            .get_image_shown(requester.caller(), id)
            .await
            .map_err(|error| ServiceError::from_registry(error, id))
    }
}
