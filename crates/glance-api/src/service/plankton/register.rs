//! Registering an object of Pithos as an image.

use std::collections::BTreeMap;

use glance_core::image::Image;
use glance_core::plankton;
use glance_core::wire::Registration;
use glance_store::store::Readers;

use super::facts::{Seen, owns, readers_of};
use super::found::{FoundObject, members_of};
use super::record::{Known, Notes, filled, is_registered};
use super::{NewRegistration, PlanktonError, Registered, limits, turns};
use crate::service::{ImageService, Requester, ServiceError};

impl ImageService {
    /// Registers the object at `new.location` as an image, or registers it again.
    ///
    /// Checked in this order: the caller may read the object ([`PlanktonError::Forbidden`],
    /// [`PlanktonError::NoSuchObject`]), its size, its hash, that it is the caller's
    /// ([`PlanktonError::NotAllowed`]), and the limits on metadata. The object can be read by the
    /// owner, and by everybody if it is public, and by nobody else afterwards.
    pub async fn register(
        &self,
        requester: &Requester,
        new: NewRegistration,
    ) -> Result<Registered, PlanktonError> {
        let seen = self.look(&requester.identity, &new.location).await?;
        let mut seen = seen.ok_or(PlanktonError::NoSuchObject)?;
        check_data(&new, &seen)?;
        if !owns(&requester.identity, &new.location.account) {
            return Err(PlanktonError::NotAllowed);
        }
        limits::check([&new.name].into_iter().chain(&new.owner), &new.properties)?;
        let id = seen.facts.uuid.clone();
        let _turn = turns::take(&id).await;

        let mut notes = self.notes_to_keep(requester, &id, new.merge).await?;
        notes.uuid.clone_from(&id);
        notes.follow_data(&seen);
        if let Some(owner) = &new.owner {
            notes.owner = filled(owner.clone());
        }
        let sharing = Readers {
            public: new.is_public,
            tenants: vec![new.location.account.clone()],
        };
        let readers = readers_of(&sharing);
        notes.follow_sharing(&readers, &seen.facts.writers);
        let change = Registration {
            place: Some(self.registered_place(&new.location, notes.clone())?),
            ..registration(&new, &seen, &notes)
        };

        let same = notes.readers == sorted(&seen.facts.readers);
        if !same {
            self.tell_sharing(requester, &new.location, &sharing)
                .await?;
        }
        let image = match self.write(requester, &id, &change).await {
            Ok(image) => image,
            Err(error) => {
                if !same {
                    self.tell_old_sharing(requester, &new.location, &seen).await;
                }
                return Err(error);
            }
        };
        log::info!("image {id} is registered");
        seen.facts.readers = readers;
        let known = Known {
            location: new.location,
            notes,
        };
        Ok(FoundObject { image, known, seen }.shown())
    }

    /// What an earlier registration noted, as far as it is to stay.
    async fn notes_to_keep(
        &self,
        requester: &Requester,
        id: &str,
        merge: bool,
    ) -> Result<Notes, PlanktonError> {
        let service = self.as_service(requester).await;
        let earlier: Option<Image> = match self.find(&service, id).await {
            Ok(image) => Some(image),
            Err(ServiceError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(earlier) = earlier.filter(|image| !image.deleted) else {
            return Ok(Notes::default());
        };
        if !is_registered(&earlier) {
            return Err(PlanktonError::Taken);
        }
        let known = self.known_place(&earlier).filter(|_| merge);
        Ok(known.map(|known| known.notes).unwrap_or_default())
    }
}

fn check_data(new: &NewRegistration, seen: &Seen) -> Result<(), PlanktonError> {
    if let Some(given) = new.size.filter(|size| *size != seen.size) {
        let found = seen.size;
        return Err(PlanktonError::SizeDiffers { given, found });
    }
    match &new.checksum {
        Some(given) if !given.eq_ignore_ascii_case(&seen.facts.hash) => {
            Err(PlanktonError::ChecksumDiffers)
        }
        _ => Ok(()),
    }
}

fn registration(new: &NewRegistration, seen: &Seen, notes: &Notes) -> Registration {
    let (properties, forget) = split(&new.properties);
    Registration {
        register: true,
        name: Some(new.name.clone()),
        size: i64::try_from(seen.size).ok(),
        checksum: Some(seen.facts.hash.clone()),
        disk_format: Some(plankton::to_record(&new.disk_format).to_owned()),
        container_format: Some(new.container_format.clone()),
        is_public: Some(new.is_public),
        owner: Some(new.location.account.clone()),
        properties,
        forget,
        purge_properties: !new.merge,
        property_quota: Some(limits::properties_beside(notes.items())),
        members: Some(members_of(
            std::slice::from_ref(&new.location.account),
            &notes.writers,
        )),
        ..Registration::default()
    }
}

/// Properties to set, and the names of those that are forgotten because they are empty.
pub(super) fn split(
    properties: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let pairs = properties.clone().into_iter();
    let (empty, filled): (BTreeMap<_, _>, _) = pairs.partition(|(_, value)| value.is_empty());
    (filled, empty.into_keys().collect())
}

fn sorted(list: &[String]) -> Vec<String> {
    let mut list = list.to_vec();
    list.sort();
    list
}
