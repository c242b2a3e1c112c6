//! Compares the registry with the stores, both ways.
//!
//! What looks wrong is looked at a second time before it is told: images come and go meanwhile.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::ready;
use futures_util::{StreamExt, TryStreamExt, stream};
use glance_config::chain;
use glance_core::image::{Image, ImageStatus};
use glance_core::location::LocationUrl;
use glance_store::error::StoreError;
use glance_store::md5::Md5;
use glance_store::store::{Held, ImageStore};

use super::plankton::record::is_registered;
use super::{ImageService, Requester, ServiceError};

/// Images in one question to the registry.
const PAGE: usize = 500;

/// Questions at the same time.
const PARALLEL: usize = 8;

/// Before the second look.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An image whose data is not there.
    Gone {
        /// The image.
        image: String,
        /// The scheme of its location.
        scheme: String,
    },
    /// An image whose data has another size.
    Size {
        /// The image.
        image: String,
        /// As the registry has it, bytes.
        recorded: i64,
        /// As the store has it, bytes.
        found: u64,
    },
    /// An image whose data has another MD5.
    Checksum {
        /// The image.
        image: String,
    },
    /// An image that could not be looked at.
    Unreadable {
        /// The image.
        image: String,
        /// Why not, without credentials.
        reason: String,
    },
    /// Data in a store that belongs to no image.
    Orphan {
        /// The store.
        store: &'static str,
        /// The image by whose name it is kept.
        image: String,
        /// Bytes.
        size: u64,
    },
    /// What an upload left unfinished that is not under way.
    Unfinished {
        /// The store.
        store: &'static str,
        /// The image that it was for, if that can be told.
        image: Option<String>,
        /// Bytes, if that can be told.
        size: u64,
    },
    /// A store that could not be listed.
    Unlisted {
        /// The store.
        store: &'static str,
        /// Why not, without credentials.
        reason: String,
    },
}

impl Finding {
    /// The image that it is about.
    fn image(&self) -> Option<&str> {
        match self {
            Self::Gone { image, .. }
            | Self::Size { image, .. }
            | Self::Checksum { image }
            | Self::Unreadable { image, .. }
            | Self::Orphan { image, .. } => Some(image),
            Self::Unfinished { image, .. } => image.as_deref(),
            Self::Unlisted { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { image, scheme } => {
                write!(f, "image {image}: its data ({scheme}) is gone")
            }
            Self::Size {
                image,
                recorded,
                found,
            } => write!(
                f,
                "image {image}: {found} bytes are stored instead of {recorded}"
            ),
            Self::Checksum { image } => {
                write!(f, "image {image}: its data has another checksum")
            }
            Self::Unreadable { image, reason } => {
                write!(f, "image {image}: its data cannot be looked at: {reason}")
            }
            Self::Orphan { store, image, size } => {
                write!(
                    f,
                    "store {store}: {size} bytes of {image} belong to no image"
                )
            }
            Self::Unfinished { store, image, size } => {
                let image = image.as_deref().unwrap_or("an unknown image");
                write!(
                    f,
                    "store {store}: an upload left {size} bytes of {image} unfinished"
                )
            }
            Self::Unlisted { store, reason } => {
                write!(f, "store {store}: it cannot be listed: {reason}")
            }
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Images in the registry.
    pub images: u64,
    /// Objects in the stores.
    pub objects: u64,
    /// Of them those that are not named like images, which are left alone.
    pub foreign: u64,
    /// Images that nobody can compare, because they never had data.
    pub without_data: u64,
}

impl ImageService {
    /// Looks at every image and at everything in every store, and tells `report` what is wrong.
    /// With `checksums` all data is read.
    ///
    /// # Errors
    ///
    /// The registry does not answer. Trouble with a store is a finding.
    pub async fn verify(
        &self,
        requester: &Requester,
        checksums: bool,
        mut report: impl FnMut(&Finding),
    ) -> Result<Verified, ServiceError> {
        let mut verified = Verified::default();
        let mut suspects = Vec::new();
        self.registry_side(requester, checksums, &mut verified, &mut suspects)
            .await?;
        for store in self.stores.all() {
            self.store_side(requester, store, &mut verified, &mut suspects)
                .await?;
        }
        if suspects.is_empty() {
            return Ok(verified);
        }
        tokio::time::sleep(SECOND_LOOK).await;
        for suspect in suspects {
            if let Some(finding) = self.look_again(requester, checksums, suspect).await? {
                report(&finding);
            }
        }
        Ok(verified)
    }

    async fn registry_side(
        &self,
        requester: &Requester,
        checksums: bool,
        verified: &mut Verified,
        suspects: &mut Vec<Suspect>,
    ) -> Result<(), ServiceError> {
        let mut marker: Option<String> = None;
        loop {
            let mut query = vec![
                ("is_public".to_owned(), "None".to_owned()),
                ("limit".to_owned(), PAGE.to_string()),
                ("sort_key".to_owned(), "id".to_owned()),
                ("sort_dir".to_owned(), "asc".to_owned()),
            ];
            query.extend(marker.take().map(|id| ("marker".to_owned(), id)));
            let page = self.list_detailed(requester, &query).await?;
            marker = page.last().map(|image| image.id.clone());
            let Some(_) = marker else { return Ok(()) };
            verified.images += page.len() as u64;
            verified.without_data += page.iter().filter(|image| !has_data(image)).count() as u64;
            let looked: Vec<Option<Finding>> = stream::iter(&page)
                .map(|image| self.look_at(requester, image, checksums))
                .buffered(PARALLEL)
                .collect()
                .await;
            suspects.extend(looked.into_iter().flatten().map(Suspect::Image));
        }
    }

    /// Compares one image with its data.
    async fn look_at(
        &self,
        requester: &Requester,
        image: &Image,
        checksums: bool,
    ) -> Option<Finding> {
        // What became of somebody's object is not for us to judge.
        if !has_data(image) || is_registered(image) {
            return None;
        }
        for location in &image.location_data {
            if location.status != "active" {
                continue;
            }
            let Ok(url) = self.decrypted(&location.url) else {
                return Some(Finding::Unreadable {
                    image: image.id.clone(),
                    reason: "its location cannot be decrypted".to_owned(),
                });
            };
            let found = self.look_into(requester, image, &url, checksums).await;
            if found.is_some() {
                return found;
            }
        }
        None
    }

    async fn look_into(
        &self,
        requester: &Requester,
        image: &Image,
        url: &LocationUrl,
        checksums: bool,
    ) -> Option<Finding> {
        let id = || image.id.clone();
        let failed = |error: StoreError| match error {
            StoreError::NotFound => Finding::Gone {
                image: id(),
                scheme: url.scheme().to_owned(),
            },
            error => Finding::Unreadable {
                image: id(),
                reason: chain(&error),
            },
        };
        let stat = match self.stores.stat(url, &requester.identity).await {
            Ok(stat) => stat,
            Err(error) => return Some(failed(error)),
        };
        let recorded = image.size.unwrap_or(0);
        // An outside source that told no size is recorded with 0.
        if let Some(found) = stat.size
            && recorded != 0
            && i64::try_from(found) != Ok(recorded)
        {
            return Some(Finding::Size {
                image: id(),
                recorded,
                found,
            });
        }
        let checksum = image.checksum.as_deref()?;
        let differs = match stat.checksum {
            Some(stored) => !stored.eq_ignore_ascii_case(checksum),
            None if checksums => match self.md5_of(requester, url).await {
                Ok(md5) => !md5.eq_ignore_ascii_case(checksum),
                Err(error) => return Some(failed(error)),
            },
            None => false,
        };
        differs.then(|| Finding::Checksum { image: id() })
    }

    async fn md5_of(&self, requester: &Requester, url: &LocationUrl) -> Result<String, StoreError> {
        let data = self.stores.get(url, None, &requester.identity).await?;
        let mut batches = data.into_stream();
        let mut md5 = Md5::new();
        while let Some(batch) = batches.try_next().await? {
            let hashed = tokio::task::spawn_blocking(move || {
                for piece in &batch {
                    md5.update(piece);
                }
                md5
            });
            md5 = hashed
                .await
                .map_err(|error| StoreError::Unavailable(io::Error::other(error)))?;
        }
        Ok(md5.finish().to_string())
    }

    async fn store_side(
        &self,
        requester: &Requester,
        store: &Arc<dyn ImageStore>,
        verified: &mut Verified,
        suspects: &mut Vec<Suspect>,
    ) -> Result<(), ServiceError> {
        if !store.capabilities().list {
            return Ok(());
        }
        let mut held = store.list();
        while let Some(item) = held.next().await {
            match item {
                Ok(item) => {
                    verified.objects += u64::from(matches!(item, Held::Image { .. }));
                    verified.foreign += u64::from(matches!(item, Held::Image { id: None, .. }));
                    let found = self.look_at_held(requester, store.name(), &item).await?;
                    if found.is_some() {
                        suspects.push(Suspect::Held(store.clone(), item));
                    }
                }
                Err(error) => {
                    suspects.push(Suspect::Store(Finding::Unlisted {
                        store: store.name(),
                        reason: chain(&error),
                    }));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether something in a store belongs to an image, or will.
    async fn look_at_held(
        &self,
        requester: &Requester,
        store: &'static str,
        held: &Held,
    ) -> Result<Option<Finding>, ServiceError> {
        let (id, size, location) = match held {
            Held::Image { id: None, .. } => return Ok(None),
            Held::Image {
                id: Some(id),
                size,
                location,
            } => (Some(id), *size, Some(location)),
            Held::Unfinished { id, size, .. } => (id.as_ref(), *size, None),
        };
        let image = match id {
            Some(id) => self.known(requester, id.as_str()).await?,
            None => None,
        };
        let belongs = match (&image, location) {
            (Some(image), _) if image.status == ImageStatus::Saving => true,
            (Some(image), Some(location)) => self.is_at(image, location),
            _ => false,
        };
        if belongs {
            return Ok(None);
        }
        let image = id.map(|id| id.to_string());
        Ok(Some(match (location, image) {
            (Some(_), Some(image)) => Finding::Orphan { store, image, size },
            (_, image) => Finding::Unfinished { store, image, size },
        }))
    }

    async fn known(&self, requester: &Requester, id: &str) -> Result<Option<Image>, ServiceError> {
        match self.find(requester, id).await {
            Ok(image) => Ok(Some(image)),
            Err(ServiceError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an image's data is there. Credentials in locations do not matter, they change.
    fn is_at(&self, image: &Image, location: &LocationUrl) -> bool {
        let place = place(location);
        has_data(image)
            && image.location_data.iter().any(|known| {
                self.decrypted(&known.url)
                    .is_ok_and(|known| self::place(&known) == place)
            })
    }

    async fn look_again(
        &self,
        requester: &Requester,
        checksums: bool,
        suspect: Suspect,
    ) -> Result<Option<Finding>, ServiceError> {
        match suspect {
            Suspect::Store(finding) => Ok(Some(finding)),
            Suspect::Image(finding) => {
                let Some(id) = finding.image() else {
                    return Ok(Some(finding));
                };
                match self.known(requester, id).await? {
                    Some(image) => Ok(self.look_at(requester, &image, checksums).await),
                    None => Ok(None),
                }
            }
            Suspect::Held(store, held) => {
                let there = match &held {
                    Held::Image { location, .. } => {
                        let stat = store.stat(location, &requester.identity).await;
                        !matches!(stat, Err(StoreError::NotFound))
                    }
                    Held::Unfinished { .. } => {
                        let again = store.list();
                        let same = again.any(|item| ready(item.is_ok_and(|item| item == held)));
                        same.await
                    }
                };
                if !there {
                    return Ok(None);
                }
                self.look_at_held(requester, store.name(), &held).await
            }
        }
    }
}

/// What looked wrong at first.
enum Suspect {
    Image(Finding),
    Held(Arc<dyn ImageStore>, Held),
    Store(Finding),
}

/// Whether the image is in a status in which its data must be there.
fn has_data(image: &Image) -> bool {
    let status = matches!(
        image.status,
        ImageStatus::Active | ImageStatus::Deactivated | ImageStatus::PendingDelete
    );
    status && !image.location_data.is_empty()
}

/// The scheme's family and the last part of a location.
fn place(location: &LocationUrl) -> (&str, &str) {
    let scheme = location.scheme();
    let family = scheme.split_once('+').map_or(scheme, |(family, _)| family);
    let family = if family == "filesystem" {
        "file"
    } else {
        family
    };
    let name = location.expose().rsplit('/').next().unwrap_or_default();
    (family, name)
}
