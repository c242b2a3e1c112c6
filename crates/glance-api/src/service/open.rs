//! Reading the data of an image.

use glance_core::identity::Identity;
use glance_core::image::{Image, ImageStatus};
use glance_core::location::{LocationData, LocationUrl};
use glance_store::data::{Batch, ImageData};
use glance_store::error::StoreError;
use glance_store::store::ByteRange;

use super::exact::exactly;
use super::plankton::record::is_registered;
use super::{ImageService, ServiceError};

impl ImageService {
    /// The data of `image`, which the caller has just found, or a part of it that lies within its
    /// [size](Self::data_size).
    ///
    /// The data, or the whole that the part is of, is as long as the record says, or this fails:
    /// wrong bytes are never served as whole. Where a store tells the size of the whole with a part,
    /// it is asked once.
    pub async fn open(
        &self,
        caller: &Identity,
        image: &Image,
        range: Option<ByteRange>,
    ) -> Result<ImageData, ServiceError> {
        let locations = readable(image)?;
        if is_registered(image) {
            return self.open_recorded(caller, image, range).await;
        }
        if locations.is_empty() && image.size.unwrap_or(0) == 0 {
            return Ok(empty());
        }
        let mut failure = StoreError::NotFound;
        for location in locations {
            match self.open_at(caller, image, &location.url, range).await {
                Ok(data) if range.is_some() => return Ok(data),
                Ok(data) => {
                    let checksum = image.checksum.as_deref();
                    return Ok(self.stores.verified(data, checksum, &location.metadata));
                }
                Err(Unopened::WrongSize) => return Err(gone(image)),
                Err(Unopened::Store(error)) => failure = error,
            }
        }
        Err(unreadable(image, failure))
    }

    /// How long the data of `image` is, for a caller who wants a part of it: as the record says, where
    /// [`open`](Self::open) holds the data to that, else as the store does. None: nobody knows.
    pub async fn data_size(
        &self,
        caller: &Identity,
        image: &Image,
    ) -> Result<Option<u64>, ServiceError> {
        let locations = readable(image)?;
        if locations.is_empty() && image.size.unwrap_or(0) == 0 {
            return Ok(Some(0));
        }
        let mut failure = StoreError::NotFound;
        for location in locations {
            let stat = match self.place(image, &location.url) {
                Ok(url) => match held_to(image, &url) {
                    Some(size) => return Ok(Some(size)),
                    None => self.stores.stat(&url, caller).await,
                },
                Err(error) => Err(error),
            };
            match stat {
                Ok(stat) => return Ok(stat.size),
                Err(error) => failure = error,
            }
        }
        log::warn!("the size of image {} is not known: {failure}", image.id);
        Err(unreadable(image, failure))
    }

    /// A location as its store takes it.
    fn place(&self, image: &Image, location: &LocationUrl) -> Result<LocationUrl, StoreError> {
        self.decrypted(location).map_err(|error| {
            log::error!("image {} cannot be read: {error}", image.id);
            StoreError::BadLocation
        })
    }

    async fn open_at(
        &self,
        caller: &Identity,
        image: &Image,
        location: &LocationUrl,
        range: Option<ByteRange>,
    ) -> Result<ImageData, Unopened> {
        let url = self.place(image, location)?;
        let told = |error: StoreError| {
            log::warn!("image {} cannot be read from {url}: {error}", image.id);
            error
        };
        let data = match self.stores.get(&url, range, caller).await {
            Err(StoreError::OutOfRange) => {
                log::error!("image {} has less in its store than it says", image.id);
                return Err(Unopened::WrongSize);
            }
            opened => opened.map_err(told)?,
        };
        let Some(expected) = held_to(image, &url) else {
            return Ok(data);
        };
        let found = match range {
            None => data.size,
            // What an outside source does not tell with its answer it does not know.
            Some(_) if data.whole.is_some() || is_outside(&url) => data.whole,
            Some(_) => self.stores.stat(&url, caller).await.map_err(told)?.size,
        };
        match found {
            Some(found) if found != expected => {
                log::error!(
                    "image {} has {found} bytes in its store instead of {expected}",
                    image.id
                );
                Err(Unopened::WrongSize)
            }
            None if range.is_none() && is_outside(&url) => Ok(exactly(expected, data)),
            _ => Ok(data),
        }
    }
}

/// Why the data at a location is not served.
enum Unopened {
    /// It is longer or shorter than the image.
    WrongSize,
    /// The store says no.
    Store(StoreError),
}

impl From<StoreError> for Unopened {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where the data of an image may be read.
fn readable(image: &Image) -> Result<Vec<LocationData>, ServiceError> {
    let id = || image.id.clone();
    match image.status {
        ImageStatus::Active => Ok(active_locations(image)),
        ImageStatus::Deactivated => Err(ServiceError::Deactivated { id: id() }),
        _ => Err(ServiceError::NotActive { id: id() }),
    }
}

/// How many bytes there have to be at `url`. Only an administrator can have changed a recorded size
/// (Glance lets them); the checksum tells whether the record describes uploaded data. An outside
/// source may have become something else at any time.
fn held_to(image: &Image, url: &LocationUrl) -> Option<u64> {
    let size = image.size.and_then(|size| u64::try_from(size).ok());
    size.filter(|size| *size > 0 && (image.checksum.is_some() || is_outside(url)))
}

fn is_outside(url: &LocationUrl) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn unreadable(image: &Image, failure: StoreError) -> ServiceError {
    match failure {
        StoreError::NotFound => gone(image),
        other => other.into(),
    }
}

fn gone(image: &Image) -> ServiceError {
    let id = image.id.clone();
    ServiceError::DataGone { id }
}

fn active_locations(image: &Image) -> Vec<LocationData> {
    let mut active = image.location_data.clone();
    active.retain(|location| location.status == "active");
    if active.is_empty() {
        active.extend(image.location.clone().map(LocationData::active));
    }
    active
}

fn empty() -> ImageData {
    ImageData::from_stream(
        Some(0),
        futures_util::stream::empty::<Result<Batch, StoreError>>(),
    )
}
