//! Reading the data of an image out of Pithos.

use crate::service::{ImageService, Requester};

use glance_store::data::ImageData;
use glance_store::store::ByteRange;

use super::{PlanktonError, Registered};

impl ImageService {
    /// The data of `image`, which the caller has just asked for ([`ImageService::registered`]), or a
    /// part of it. It is the data that `image.checksum` is the hash of, or this is
    /// [`PlanktonError::DataChanged`]; asking again gives the new one.
    pub async fn open_registered(
        &self,
        _requester: &Requester,
        _image: &Registered,
        _range: Option<ByteRange>,
    ) -> Result<ImageData, PlanktonError> {
        Err(PlanktonError::NoPithos)
    }
}
