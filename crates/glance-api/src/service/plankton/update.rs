//! Changing what is said of an image.

use glance_core::plankton;
use glance_core::wire::Registration;
use glance_store::store::Readers;

use super::facts::readers_of;
use super::found::FoundObject;
use super::record::{Notes, filled};
use super::register::split;
use super::{PlanktonError, Registered, RegisteredUpdate, limits, turns};
use crate::service::{ImageService, Requester};

impl ImageService {
    /// Changes what `update` names and keeps the rest. Needs the right to write the object, and for
    /// publicity the owner: [`PlanktonError::NotAllowed`].
    pub async fn update_registered(
        &self,
        requester: &Requester,
        id: &str,
        update: RegisteredUpdate,
    ) -> Result<Registered, PlanktonError> {
        let _turn = match update.is_public {
            Some(_) => Some(turns::take(id).await),
            None => None,
        };
        let mut found = self.found(requester, id).await?.object()?;
        if !found.seen.facts.may_write {
            return Err(PlanktonError::NotAllowed);
        }
        if update.is_public.is_some() {
            found.owned_by(requester)?;
        }
        if update.name.as_ref().is_some_and(String::is_empty) {
            return Err(PlanktonError::NameRequired { id: id.to_owned() });
        }
        let values = [&update.name, &update.status, &update.owner];
        limits::check(values.into_iter().flatten(), &update.properties)?;

        let before = found.seen.clone();
        let sharing = self
            .new_sharing(requester, &found, update.is_public)
            .await?;
        let mut notes = found.known.notes.clone();
        if let Some(status) = update.status.clone() {
            notes.status = filled(status);
        }
        if let Some(owner) = update.owner.clone() {
            notes.owner = filled(owner);
        }
        if let Some(sharing) = &sharing {
            found.seen.facts.readers = readers_of(sharing);
            notes.follow_sharing(&found.seen.facts.readers, &found.seen.facts.writers);
        }
        let mut change = changed(update, &found.known.notes, &notes);
        if notes != found.known.notes {
            change.place = Some(self.registered_place(&found.known.location, notes.clone())?);
        }

        let location = &found.known.location;
        if let Some(sharing) = &sharing {
            self.tell_sharing(requester, location, sharing).await?;
        }
        match self.write(requester, &found.image.id, &change).await {
            Ok(image) => found.image = image,
            Err(error) => {
                if sharing.is_some() {
                    self.tell_old_sharing(requester, location, &before).await;
                }
                return Err(error);
            }
        }
        found.known.notes = notes;
        Ok(found.shown())
    }

    /// The sharing that Pithos is to be told, if publicity changes. The members stay; while an image
    /// is public only the registry knows them.
    async fn new_sharing(
        &self,
        requester: &Requester,
        found: &FoundObject,
        public: Option<bool>,
    ) -> Result<Option<Readers>, PlanktonError> {
        let Some(public) = public.filter(|public| *public != found.seen.is_public()) else {
            return Ok(None);
        };
        let tenants = match public {
            true => found.seen.readers().cloned().collect(),
            false => self.recorded_members(requester, found).await?,
        };
        Ok(Some(Readers { public, tenants }))
    }

    /// The members in the registry without those who may write: Pithos lists these apart.
    pub(super) async fn recorded_members(
        &self,
        requester: &Requester,
        found: &FoundObject,
    ) -> Result<Vec<String>, PlanktonError> {
        let service = self.as_service(requester).await;
        let members = self.members(&service, &found.image.id).await?;
        let members = members.into_iter().map(|member| member.member_id);
        let writers = &found.seen.facts.writers;
        Ok(members.filter(|member| !writers.contains(member)).collect())
    }
}

/// What changes in the record besides its place. The number of properties is limited where there
/// will be more than `before` of what is counted.
fn changed(update: RegisteredUpdate, before: &Notes, after: &Notes) -> Registration {
    let more = !update.properties.is_empty() || after.items() > before.items();
    let (properties, forget) = split(&update.properties);
    let disk_format = update.disk_format;
    Registration {
        name: update.name,
        disk_format: disk_format.map(|format| plankton::to_record(&format).to_owned()),
        container_format: update.container_format,
        is_public: update.is_public,
        properties,
        forget,
        property_quota: more.then(|| limits::properties_beside(after.items())),
        ..Registration::default()
    }
}
