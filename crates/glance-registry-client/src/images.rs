//! Calls about images.

use bytes::Bytes;
use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::json;
use glance_core::wire::{
    Images, LEAVE_OUT, LOCATIONS, NewImage, OneImage, PROPERTY_QUOTA, PURGE_PROPS, UpdateImage,
};
use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::call::{Call, quota_header};
use crate::caller::Caller;
use crate::error::RegistryError;
use crate::transport::RegistryClient;

/// A page of a list, as it came: its images are read out of it, and borrow their texts from it.
#[derive(Clone, Debug)]
pub struct Page(Bytes);

impl Page {
    /// Its images: [`ImageSummary`](glance_core::wire::ImageSummary) or
    /// [`ImageDetail`](glance_core::wire::ImageDetail), as was asked for.
    pub fn images<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<T>, RegistryError> {
        let page: Images<T> = json::from_slice(&self.0).map_err(RegistryError::malformed)?;
        Ok(page.images)
    }
}

/// How an update is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Forget the properties that the update does not name.
    pub purge_properties: bool,
    /// The status that the image must have; 409 otherwise.
    pub from_state: Option<ImageStatus>,
    /// How many properties the image may have afterwards (413 otherwise).
    pub property_quota: Option<u64>,
}

impl RegistryClient {
    /// One page of images, short. `query` are parameters as the registry takes them.
    pub async fn get_images(
        &self,
        caller: Caller<'_>,
        query: &[(String, String)],
    ) -> Result<Page, RegistryError> {
        let call = Call::new(Method::GET, with_query("/images", query));
        self.send(caller, call).await.map(Page)
    }

    /// One page of images with all that is shown of them: not where their data is.
    pub async fn get_images_shown(
        &self,
        caller: Caller<'_>,
        query: &[(String, String)],
    ) -> Result<Page, RegistryError> {
        let headers = without_locations();
        let call = Call::new(Method::GET, with_query("/images/detail", query)).with(&headers);
        self.send(caller, call).await.map(Page)
    }

    /// One page of images with all that is known of them.
    pub async fn get_images_detailed(
        &self,
        caller: Caller<'_>,
        query: &[(String, String)],
    ) -> Result<Vec<Image>, RegistryError> {
        let call = Call::new(Method::GET, with_query("/images/detail", query));
        Ok(self.fetch::<Images<Image>>(caller, call).await?.images)
    }

    /// One image.
    pub async fn get_image(&self, caller: Caller<'_>, id: &str) -> Result<Image, RegistryError> {
        let call = Call::new(Method::GET, image_path(id));
        Ok(self.fetch::<OneImage>(caller, call).await?.image)
    }

    /// One image with all that is shown of it: not where its data is.
    pub async fn get_image_shown(
        &self,
        caller: Caller<'_>,
        id: &str,
    ) -> Result<Image, RegistryError> {
        let headers = without_locations();
        let call = Call::new(Method::GET, image_path(id)).with(&headers);
        Ok(self.fetch::<OneImage>(caller, call).await?.image)
    }

    /// Registers an image.
    pub async fn add_image(
        &self,
        caller: Caller<'_>,
        image: &ImageFields,
        property_quota: Option<u64>,
    ) -> Result<Image, RegistryError> {
        let headers = quota_header(PROPERTY_QUOTA, property_quota);
        let call = Call::new(Method::POST, "/images")
            .json(&NewImage { image })?
            .with(&headers);
        Ok(self.fetch::<OneImage>(caller, call).await?.image)
    }

    /// Changes an image.
    pub async fn update_image(
        &self,
        caller: Caller<'_>,
        id: &str,
        image: &ImageFields,
        limits: Limits,
    ) -> Result<Image, RegistryError> {
        let mut headers = quota_header(PROPERTY_QUOTA, limits.property_quota);
        if limits.purge_properties {
            headers.push((PURGE_PROPS, "true".to_owned()));
        }
        let body = UpdateImage {
            image,
            from_state: limits.from_state.map(ImageStatus::as_str),
        };
        let call = Call::new(Method::PUT, image_path(id))
            .json(&body)?
            .with(&headers);
        Ok(self.fetch::<OneImage>(caller, call).await?.image)
    }

    /// Deletes an image's record.
    pub async fn delete_image(&self, caller: Caller<'_>, id: &str) -> Result<(), RegistryError> {
        self.send(caller, Call::new(Method::DELETE, image_path(id)))
            .await
            .map(drop)
    }
}

fn without_locations() -> [(&'static str, String); 1] {
    [(LEAVE_OUT, LOCATIONS.to_owned())]
}

pub(crate) fn image_path(id: &str) -> String {
    format!("/images/{}", encode(id))
}

/// Everything is encoded but letters, digits, `-` and `_`: a dot could make a segment special.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

pub(crate) fn encode(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, ENCODED)
}

fn with_query(path: &str, query: &[(String, String)]) -> String {
    let mut target = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        target.push(separator);
        target.push_str(&format!("{}={}", encode(name), encode(value)));
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_clients_chose() {
        assert_eq!(image_path("a/../b?c"), "/images/a%2F%2E%2E%2Fb%3Fc");
        let query = [
            ("name".to_owned(), "a b&c".to_owned()),
            ("limit".to_owned(), "2".to_owned()),
        ];
        assert_eq!(
            with_query("/images", &query),
            "/images?name=a%20b%26c&limit=2"
        );
    }
}
