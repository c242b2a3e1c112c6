//! Reading the data of an image out of Pithos.

use glance_core::identity::Identity;
use glance_core::image::Image;
use glance_core::pithos::PithosLocation;
use glance_store::data::ImageData;
use glance_store::error::StoreError;
use glance_store::store::ByteRange;

use super::facts::Seen;
use super::{PlanktonError, Registered};
use crate::service::{ImageService, Requester, ServiceError};

/// Which state of an object is to be read.
struct Wanted<'a> {
    id: &'a str,
    location: &'a PithosLocation,
    hash: &'a str,
    size: u64,
}

impl ImageService {
    /// The data of `image`, which the caller has just asked for ([`ImageService::registered`]), or a
    /// part of it. It is the data that `image.checksum` is the hash of, or this is
    /// [`PlanktonError::DataChanged`]; asking again gives the new one.
    pub async fn open_registered(
        &self,
        requester: &Requester,
        image: &Registered,
        range: Option<ByteRange>,
    ) -> Result<ImageData, PlanktonError> {
        let Some(location) = &image.location else {
            let image = self.find(requester, &image.id).await?;
            return Ok(self.open(&requester.identity, &image, range).await?);
        };
        let wanted = Wanted {
            id: &image.id,
            location,
            hash: &image.checksum,
            size: image.size,
        };
        self.open_object(&requester.identity, &wanted, range).await
    }

    /// The same for Glance mode, where nobody has looked at the object. What the record does not
    /// describe any more is refused, and the record follows, so that the next request gets it.
    pub(in crate::service) async fn open_recorded(
        &self,
        caller: &Identity,
        image: &Image,
        range: Option<ByteRange>,
    ) -> Result<ImageData, ServiceError> {
        let gone = || ServiceError::DataGone {
            id: image.id.clone(),
        };
        let outcome = async {
            let Some(known) = self.known_place(image) else {
                return Ok(None);
            };
            let seen = self.look(caller, &known.location).await?;
            let same = |seen: &Seen| {
                image.size == i64::try_from(seen.size).ok()
                    && image.checksum.as_ref() == Some(&seen.facts.hash)
            };
            let requester = Requester {
                identity: caller.clone(),
                request_id: "req-follow".to_owned(),
            };
            let same = seen.as_ref().is_some_and(same);
            let found = self.matched(&requester, image.clone(), known, seen).await;
            let Some(found) = found.filter(|_| same) else {
                return Ok(None);
            };
            let wanted = Wanted {
                id: &image.id,
                location: &found.known.location,
                hash: &found.seen.facts.hash,
                size: found.seen.size,
            };
            let data = self.open_object(caller, &wanted, range).await?;
            Ok(Some(data))
        };
        match outcome.await {
            Ok(Some(data)) => Ok(data),
            Ok(None) | Err(PlanktonError::DataChanged { .. }) => Err(gone()),
            Err(PlanktonError::Forbidden) => Err(ServiceError::Forbidden(String::new())),
            Err(PlanktonError::Unauthorized) => Err(StoreError::Unauthorized.into()),
            Err(PlanktonError::Service(error)) => Err(error),
            Err(error) => {
                let error = std::io::Error::other(error);
                Err(ServiceError::Store(StoreError::Unavailable(error)))
            }
        }
    }

    /// The data comes with what its object was when it began to come, and ends in an error if it
    /// cannot be that object's to its end.
    async fn open_object(
        &self,
        caller: &Identity,
        wanted: &Wanted<'_>,
        range: Option<ByteRange>,
    ) -> Result<ImageData, PlanktonError> {
        let changed = || PlanktonError::DataChanged {
            id: wanted.id.to_owned(),
        };
        let data = match self.stores.get(&wanted.location.url(), range, caller).await {
            Ok(data) => data,
            Err(StoreError::NotFound | StoreError::BadLocation) => return Err(changed()),
            Err(error) => return Err(error.into()),
        };
        let length = range.map_or(wanted.size, |range| range.length);
        let object = data.object.as_ref();
        let same = object.is_some_and(|it| it.uuid == wanted.id && it.hash == wanted.hash);
        if data.size != Some(length) || !same {
            log::warn!(
                "image {}: its object has changed since it was asked for",
                wanted.id
            );
            return Err(changed());
        }
        Ok(data)
    }
}
