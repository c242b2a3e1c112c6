//! Reading the data of an image.

use glance_core::identity::Identity;
use glance_core::image::{Image, ImageStatus};
use glance_core::location::LocationUrl;
use glance_store::data::{Batch, ImageData};
use glance_store::error::StoreError;
use glance_store::store::ByteRange;

use super::exact::exactly;
use super::plankton::record::is_registered;
use super::{ImageService, ServiceError};

impl ImageService {
    /// The data of `image`, which the caller has just found, or a part of it.
    ///
    /// The data is as long as the record says, or this fails: wrong bytes are never served as
    /// whole.
    pub async fn open(
        &self,
        caller: &Identity,
        image: &Image,
        range: Option<ByteRange>,
    ) -> Result<ImageData, ServiceError> {
        let id = || image.id.clone();
        match image.status {
            ImageStatus::Active => {}
            ImageStatus::Deactivated => return Err(ServiceError::Deactivated { id: id() }),
            _ => return Err(ServiceError::NotActive { id: id() }),
        }
        if is_registered(image) {
            return self.open_recorded(caller, image, range).await;
        }
        let locations = active_locations(image);
        if locations.is_empty() && image.size.unwrap_or(0) == 0 {
            return Ok(empty());
        }
        let mut failure = StoreError::NotFound;
        for location in locations {
            let Ok(url) = self.decrypted(location) else {
                log::error!("a location of image {} cannot be decrypted", image.id);
                failure = StoreError::BadLocation;
                continue;
            };
            match self.stores.get(&url, range, caller).await {
                Ok(data) => {
                    let foreign = matches!(url.scheme(), "http" | "https");
                    let data = self.checked(image, data, range, foreign)?;
                    return Ok(match (&image.checksum, range) {
                        (Some(checksum), None) => self.stores.verified(data, checksum),
                        _ => data,
                    });
                }
                Err(error) => {
                    log::warn!("image {} cannot be read from {url}: {error}", image.id);
                    failure = error;
                }
            }
        }
        match failure {
            StoreError::NotFound => Err(ServiceError::DataGone { id: id() }),
            other => Err(other.into()),
        }
    }

    /// Refuses data of another length than the image has.
    fn checked(
        &self,
        image: &Image,
        data: ImageData,
        range: Option<ByteRange>,
        foreign: bool,
    ) -> Result<ImageData, ServiceError> {
        let recorded = image
            .size
            .and_then(|size| u64::try_from(size).ok())
            .filter(|size| *size > 0);
        let expected = range.map(|range| range.length).or(recorded);
        match (data.size, expected) {
            // Only an administrator can have changed the recorded size (Glance lets them); the
            // checksum tells whether the record describes uploaded data. An outside source may
            // have become something else at any time.
            (Some(found), Some(expected))
                if found != expected && (image.checksum.is_some() || foreign) =>
            {
                log::error!(
                    "image {} has {found} bytes in its store instead of {expected}",
                    image.id
                );
                Err(ServiceError::DataGone {
                    id: image.id.clone(),
                })
            }
            (None, Some(expected)) if foreign => Ok(exactly(expected, data)),
            _ => Ok(data),
        }
    }
}

fn active_locations(image: &Image) -> Vec<&LocationUrl> {
    let active: Vec<&LocationUrl> = image
        .location_data
        .iter()
        .filter(|location| location.status == "active")
        .map(|location| &location.url)
        .collect();
    if active.is_empty() {
        image.location.iter().collect()
    } else {
        active
    }
}

fn empty() -> ImageData {
    ImageData::from_stream(
        Some(0),
        futures_util::stream::empty::<Result<Batch, StoreError>>(),
    )
}
