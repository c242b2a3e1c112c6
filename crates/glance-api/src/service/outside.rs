//! Outside sources: what a user's URL has to pass before anything is registered, and an image that
//! is where such a URL says.

use std::sync::Arc;

use glance_config::chain;
use glance_core::identity::Identity;
use glance_core::image::{Image, ImageFields, ImageStatus};
use glance_core::location::{LocationData, LocationUrl};
use glance_registry_client::{Limits, RegistryError};
use glance_store::error::StoreError;
use glance_store::guard::Refusal;
use glance_store::store::ImageStore;

use super::copy::{Original, Place};
use super::{ImageService, Requester, ServiceError, Source};

/// An outside source that may be fetched.
#[derive(Debug)]
pub(super) struct Outside {
    /// Where it is.
    pub(super) location: LocationUrl,
    /// The path of its URL, which texts about it name.
    path: String,
}

/// What will be made of an outside source when its image is registered.
#[derive(Debug)]
pub(super) enum Foreseen {
    /// The image is where the source is.
    At {
        /// As the registry keeps it.
        location: LocationUrl,
        /// Bytes; 0 if not known.
        size: i64,
    },
    /// The image will be copied from it.
    Copied {
        /// What is copied.
        original: Original,
        /// What the image is said to have until it is there.
        size: i64,
        /// The copy is accepted.
        place: Place,
    },
}

impl Foreseen {
    /// Bytes to register; 0 if not known.
    pub(super) fn size(&self) -> i64 {
        match self {
            Self::At { size, .. } | Self::Copied { size, .. } => *size,
        }
    }
}

impl ImageService {
    /// Finds out what has to be known before an image is registered.
    pub(super) async fn foreseen(
        &self,
        source: &Source,
        outside: Outside,
        declared: Option<i64>,
    ) -> Result<Foreseen, ServiceError> {
        if !matches!(source, Source::CopyFrom(_)) {
            let size = self.size_at(&outside, declared).await?;
            return Ok(Foreseen::At {
                location: self.kept(&outside.location)?,
                size,
            });
        }
        let place = self
            .leases
            .place_for_copy()
            .ok_or(ServiceError::TooManyCopies)?;
        let declared = declared.filter(|size| *size != 0);
        let found = match declared {
            Some(_) => None,
            None => self.outside_size(&outside).await?,
        };
        let size = declared.or(found.map(saturating)).unwrap_or(0);
        let original = Original {
            location: outside.location,
            size: found,
        };
        Ok(Foreseen::Copied {
            original,
            size,
            place,
        })
    }

    /// Does with `image`, which is registered and `queued`, what was foreseen.
    pub(super) async fn follow(
        &self,
        requester: &Arc<Requester>,
        image: Image,
        store: Option<Arc<dyn ImageStore>>,
        foreseen: Foreseen,
    ) -> Result<Image, ServiceError> {
        match foreseen {
            Foreseen::At { location, .. } => self.activate_at(requester, &image, location).await,
            Foreseen::Copied {
                original, place, ..
            } => {
                let store = store.ok_or(ServiceError::StoreCannotAdd)?;
                self.begin_copy(requester, &image, store, original, place)
                    .await?;
                Ok(image)
            }
        }
    }

    /// The outside source that the caller names, if one is named and may be.
    pub(super) fn outside(&self, source: &Source) -> Result<Option<Outside>, ServiceError> {
        let (Source::Location(text) | Source::CopyFrom(text)) = source else {
            return Ok(None);
        };
        let url = self.stores.check_external(text).map_err(|refusal| {
            log::info!("a source is refused: {refusal}");
            match refusal {
                Refusal::Empty => ServiceError::EmptySource,
                Refusal::Scheme => ServiceError::ExternalSource(text.clone()),
                Refusal::Malformed | Refusal::Port => ServiceError::InvalidLocation(text.clone()),
                // Not repeated: the one is long, the other one has a password in it.
                Refusal::TooLong | Refusal::UserInformation => {
                    ServiceError::InvalidLocation(String::new())
                }
                Refusal::Address => ServiceError::SourceUnreachable,
            }
        })?;
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        Ok(Some(Outside {
            location: LocationUrl::new(format!("{}:{rest}", scheme.to_ascii_lowercase())),
            path: url.path().to_owned(),
        }))
    }

    /// The size of a source, if it tells.
    pub(super) async fn outside_size(
        &self,
        outside: &Outside,
    ) -> Result<Option<u64>, ServiceError> {
        let stat = self
            .stores
            .stat(&outside.location, &Identity::default())
            .await;
        stat.map(|stat| stat.size).map_err(|error| match error {
            StoreError::NotFound => ServiceError::SourceNotFound,
            StoreError::Answered(status) => ServiceError::SourceAnswered {
                path: outside.path.clone(),
                status,
            },
            // Whether there is no such host, whether it is a private one, or whether it refuses
            // connections is not told: nobody shall explore our network by it.
            error => {
                log::info!("a source cannot be used: {}", chain(&error));
                ServiceError::SourceUnreachable
            }
        })
    }

    /// The size of an image whose data is at `outside`: the real one, 0 where the source does not
    /// tell it, as Glance has it. A declared size other than that is refused.
    pub(super) async fn size_at(
        &self,
        outside: &Outside,
        declared: Option<i64>,
    ) -> Result<i64, ServiceError> {
        let declared = declared.filter(|size| *size != 0);
        let stored = self.outside_size(outside).await?.map(saturating);
        match (declared, stored.filter(|size| *size != 0)) {
            (Some(provided), Some(stored)) if provided != stored => {
                Err(ServiceError::ProvidedSize { provided, stored })
            }
            (declared, stored) => Ok(stored.or(declared).unwrap_or(0)),
        }
    }

    /// A location as the registry keeps it.
    pub(super) fn kept(&self, location: &LocationUrl) -> Result<LocationUrl, ServiceError> {
        let failed = |error| StoreError::Unavailable(std::io::Error::other(error));
        self.encrypted(location)
            .map_err(|error| ServiceError::Store(failed(error)))
    }

    /// Makes `image`, which is `queued`, active with its data at `location`, which is as the
    /// registry keeps it. Nothing is copied, and the checksum stays as it was declared.
    pub(super) async fn activate_at(
        &self,
        requester: &Requester,
        image: &Image,
        location: LocationUrl,
    ) -> Result<Image, ServiceError> {
        let fields = ImageFields {
            status: Some(ImageStatus::Active),
            location: Some(location.clone()),
            location_data: Some(vec![LocationData::active(location)]),
            ..ImageFields::default()
        };
        let limits = Limits {
            from_state: Some(ImageStatus::Queued),
            ..Limits::default()
        };
        match self
            .registry
            .update_image(requester.caller(), &image.id, &fields, limits)
            .await
        {
            Ok(image) => {
                log::info!("image {} is active at an outside location", image.id);
                Ok(image)
            }
            Err(RegistryError::Refused { status: 409, .. }) => {
                Err(ServiceError::LocationOfUnqueued)
            }
            Err(error) => Err(ServiceError::from_registry(error, &image.id)),
        }
    }
}

/// Bytes as the registry counts them.
pub(super) fn saturating(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
