//! Finding one image: its record, its object, and the record brought up to date.

use glance_config::chain;
use glance_core::image::{Image, ImageStatus};
use glance_core::wire::Registration;
use uuid::Uuid;

use super::facts::{BY_GROUP, EVERYBODY, Seen, owns};
use super::record::{Known, Notes, is_registered};
use super::{PlanktonError, Registered, view};
use crate::service::{ImageService, Requester, ServiceError};

/// An image that the caller may read.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// One whose data is an object of Pithos.
    Object(Box<FoundObject>),
    /// One of Glance mode.
    Glance(Box<Image>),
}

/// A registration and its object, just looked at.
#[derive(Clone, Debug)]
pub(super) struct FoundObject {
    pub image: Image,
    pub known: Known,
    pub seen: Seen,
}

impl Found {
    pub(super) fn shown(&self) -> Registered {
        match self {
            Self::Object(found) => found.shown(),
            Self::Glance(image) => view::of_glance(image),
        }
    }

    /// The object. An image of Glance mode is changed in Glance mode only.
    pub(super) fn object(self) -> Result<FoundObject, PlanktonError> {
        match self {
            Self::Object(found) => Ok(*found),
            Self::Glance(_) => Err(PlanktonError::NotAllowed),
        }
    }
}

impl FoundObject {
    pub(super) fn shown(&self) -> Registered {
        view::of_object(&self.image, &self.known, &self.seen)
    }

    /// Whether the caller may change the sharing: the owner alone.
    pub(super) fn owned_by(&self, requester: &Requester) -> Result<(), PlanktonError> {
        match owns(&requester.identity, &self.known.location.account) {
            true => Ok(()),
            false => Err(PlanktonError::NotAllowed),
        }
    }
}

impl ImageService {
    /// The image `id` in any spelling of the UUID, if the caller may read it.
    pub(super) async fn found(
        &self,
        requester: &Requester,
        id: &str,
    ) -> Result<Found, PlanktonError> {
        let image = self.record(requester, id).await?;
        let not_found = || PlanktonError::not_found(id);
        if is_registered(&image) {
            let known = self.known_place(&image).ok_or_else(not_found)?;
            let seen = self.look(&requester.identity, &known.location).await?;
            let found = self.matched(requester, image, known, seen).await;
            return found.map(Box::new).map(Found::Object).ok_or_else(not_found);
        }
        if image.status != ImageStatus::Active {
            return Err(not_found());
        }
        // Whether the caller may see it, the registry knows.
        match self.find(requester, &image.id).await {
            Ok(image) => Ok(Found::Glance(Box::new(image))),
            Err(ServiceError::NotFound { .. }) => Err(PlanktonError::Forbidden),
            Err(error) => Err(error.into()),
        }
    }

    /// The record of `id`, whoever may see it: Pithos decides that for its objects.
    async fn record(&self, requester: &Requester, id: &str) -> Result<Image, PlanktonError> {
        let uuid = Uuid::try_parse(id).map_err(|_| PlanktonError::InvalidId)?;
        let service = self.as_service(requester).await;
        // Glance keeps ids as they were spelled.
        let usual = uuid.hyphenated().to_string();
        let mut spellings = vec![usual.as_str()];
        spellings.extend(Some(id).filter(|id| *id != usual));
        let mut unregistered = false;
        for id in spellings {
            match self.find(&service, id).await {
                Ok(image) if !image.deleted && is_there(image.status) => return Ok(image),
                // What kind of image it was, its record does not say any more.
                Ok(_) => unregistered = true,
                Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PlanktonError::NotFound {
            id: id.to_owned(),
            unregistered,
        })
    }

    /// The image together with its object, if what was seen is its object: another one in its place
    /// is none of its business.
    pub(super) async fn matched(
        &self,
        requester: &Requester,
        image: Image,
        known: Known,
        seen: Option<Seen>,
    ) -> Option<FoundObject> {
        let seen = seen.filter(|seen| seen.facts.uuid == image.id)?;
        Some(self.follow_object(requester, image, known, seen).await)
    }

    /// Writes into the record what its object has become. The caller is told what was seen in any
    /// case; a record that cannot be written now follows the next time.
    async fn follow_object(
        &self,
        requester: &Requester,
        mut image: Image,
        mut known: Known,
        seen: Seen,
    ) -> FoundObject {
        let before = known.notes.clone();
        let mut change = Registration {
            updated_at: Some(seen.facts.modified),
            ..Registration::default()
        };
        known.notes.follow_data(&seen);
        let size = i64::try_from(seen.size).ok();
        if image.size != size || image.checksum.as_ref() != Some(&seen.facts.hash) {
            change.size = size;
            change.checksum = Some(seen.facts.hash.clone());
        }
        // What others are told of the sharing may not be all of it, but everybody is everybody.
        if owns(&requester.identity, &known.location.account) {
            follow_sharing(&mut known.notes, &mut change, &seen);
        } else if seen.is_public() && !image.is_public {
            let writers = known.notes.writers.clone();
            known.notes.follow_sharing(&seen.facts.readers, &writers);
            change.is_public = Some(true);
        }
        let changed = known.notes != before || change.size.is_some() || change.is_public.is_some();
        if changed {
            match self.write_noted(requester, &image.id, &known, change).await {
                Ok(followed) => image = followed,
                Err(error) => {
                    let (id, why) = (&image.id, chain(&error));
                    log::warn!("image {id} does not follow its object: {why}");
                }
            }
        }
        FoundObject { image, known, seen }
    }

    /// Writes what has changed together with what is noted now.
    async fn write_noted(
        &self,
        requester: &Requester,
        id: &str,
        known: &Known,
        mut change: Registration,
    ) -> Result<Image, PlanktonError> {
        let place = self.registered_place(&known.location, known.notes.clone())?;
        change.place = Some(place);
        self.write(requester, id, &change).await
    }

    /// One change of a registration, by the service itself.
    pub(super) async fn write(
        &self,
        requester: &Requester,
        id: &str,
        change: &Registration,
    ) -> Result<Image, PlanktonError> {
        let service = self.as_service(requester).await;
        let written = self.registry.register(service.caller(), id, change).await;
        written.map_err(|error| PlanktonError::from_registry(error, id))
    }
}

/// Beside everybody Pithos keeps nobody: then the members stay those of the record.
fn follow_sharing(notes: &mut Notes, change: &mut Registration, seen: &Seen) {
    let before = notes.clone();
    notes.follow_sharing(&seen.facts.readers, &seen.facts.writers);
    if *notes == before {
        return;
    }
    change.is_public = Some(seen.is_public());
    if !seen.is_public() {
        change.members = Some(members_of(&notes.readers, &notes.writers));
    }
}

/// The members of the record: whoever may read, and that is also who may write.
pub(super) fn members_of(readers: &[String], writers: &[String]) -> Vec<String> {
    let all = readers.iter().chain(writers);
    let mut members: Vec<String> = all.filter(|one| *one != EVERYBODY).cloned().collect();
    if members.iter().any(|member| is_group(member)) {
        members.push(BY_GROUP.to_owned());
    }
    members
}

/// Pithos writes a group as `ACCOUNT:NAME`.
fn is_group(member: &str) -> bool {
    member.contains(':')
}

fn is_there(status: ImageStatus) -> bool {
    !matches!(status, ImageStatus::Deleted | ImageStatus::PendingDelete)
}
