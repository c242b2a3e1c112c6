//! With whom images are shared.

use glance_core::wire::Registration;
use glance_store::store::Readers;

use super::facts::{EVERYBODY, readers_of};
use super::found::{Found, FoundObject, members_of};
use super::{PlanktonError, limits, turns};
use crate::service::{ImageService, Requester};

impl ImageService {
    /// Who may read the image, in no order; nobody where it is public. Whoever can read it may ask.
    pub async fn registered_members(
        &self,
        requester: &Requester,
        id: &str,
    ) -> Result<Vec<String>, PlanktonError> {
        match self.found(requester, id).await? {
            Found::Object(found) if found.seen.is_public() => Ok(Vec::new()),
            Found::Object(found) => Ok(found.seen.readers().cloned().collect()),
            Found::Glance(image) if image.is_public => Ok(Vec::new()),
            Found::Glance(image) => {
                let members = self.members(requester, &image.id).await?;
                Ok(members.into_iter().map(|member| member.member_id).collect())
            }
        }
    }

    /// Makes these the members. `*` publishes the image; nothing here makes it private again. For
    /// the owner only ([`PlanktonError::NotAllowed`]), as the next two.
    pub async fn set_registered_members(
        &self,
        requester: &Requester,
        id: &str,
        members: Vec<String>,
    ) -> Result<(), PlanktonError> {
        let change = |_: Vec<String>| members;
        self.change_members(requester, id, change).await
    }

    /// Lets one more read the image; doing it again is no error. No id is verified.
    pub async fn add_registered_member(
        &self,
        requester: &Requester,
        id: &str,
        member: &str,
    ) -> Result<(), PlanktonError> {
        let change = |mut members: Vec<String>| {
            members.push(member.to_owned());
            members
        };
        self.change_members(requester, id, change).await
    }

    /// Lets one read the image no longer; who is no member is no error.
    pub async fn remove_registered_member(
        &self,
        requester: &Requester,
        id: &str,
        member: &str,
    ) -> Result<(), PlanktonError> {
        let change = |mut members: Vec<String>| {
            members.retain(|one| one != member);
            members
        };
        self.change_members(requester, id, change).await
    }

    async fn change_members(
        &self,
        requester: &Requester,
        id: &str,
        change: impl FnOnce(Vec<String>) -> Vec<String>,
    ) -> Result<(), PlanktonError> {
        let _turn = turns::take(id).await;
        let found = self.found(requester, id).await?.object()?;
        found.owned_by(requester)?;
        let public = found.seen.is_public();
        let before: Vec<String> = match public {
            true => self.recorded_members(requester, &found).await?,
            false => found.seen.readers().cloned().collect(),
        };
        let mut after: Vec<String> = Vec::new();
        for member in change(before.clone()) {
            if !after.contains(&member) {
                limits::check_member(&member)?;
                after.push(member);
            }
        }
        let publish = after.iter().any(|member| member == EVERYBODY);
        after.retain(|member| member != EVERYBODY);
        if after == before && (public || !publish) {
            return Ok(());
        }
        let sharing = Readers {
            public: public || publish,
            tenants: after,
        };
        self.write_members(requester, &found, &sharing).await
    }

    /// Pithos first, then the record; the time of the last change stays, as in Synnefo.
    async fn write_members(
        &self,
        requester: &Requester,
        found: &FoundObject,
        sharing: &Readers,
    ) -> Result<(), PlanktonError> {
        let (location, facts) = (&found.known.location, &found.seen.facts);
        let mut notes = found.known.notes.clone();
        notes.follow_sharing(&readers_of(sharing), &facts.writers);
        let change = Registration {
            is_public: Some(sharing.public),
            members: Some(members_of(&sharing.tenants, &facts.writers)),
            updated_at: Some(found.image.updated_at),
            place: Some(self.registered_place(location, notes)?),
            ..Registration::default()
        };
        // A public object's readers are everybody, whoever its members are.
        let told = !(found.seen.is_public() && sharing.public);
        if told {
            self.tell_sharing(requester, location, sharing).await?;
        }
        let written = self.write(requester, &found.image.id, &change).await;
        if written.is_err() && told {
            self.tell_old_sharing(requester, location, &found.seen)
                .await;
        }
        written.map(drop)
    }
}
