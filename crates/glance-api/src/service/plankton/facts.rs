//! Looking at objects in Pithos, with the caller's token.

use glance_core::identity::Identity;
use glance_core::pithos::PithosLocation;
use glance_store::error::StoreError;
use glance_store::store::{ObjectFacts, Readers};

use super::PlanktonError;
use crate::service::{ImageService, Requester};

/// What stands for everybody among readers.
pub(super) const EVERYBODY: &str = "*";

/// A member of every record whose object a group of Pithos may read: who is in a group only Pithos
/// knows, so that each look for images asks for these too. Nobody is shown it.
pub(in crate::service) const BY_GROUP: &str = ":";

/// An object as it is now.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub size: u64,
    pub facts: ObjectFacts,
}

impl Seen {
    /// Whether everybody may read the object.
    pub(super) fn is_public(&self) -> bool {
        self.facts.readers.iter().any(|reader| reader == EVERYBODY)
    }

    /// Who may read the object, besides everybody.
    pub(super) fn readers(&self) -> impl Iterator<Item = &String> {
        let readers = self.facts.readers.iter();
        readers.filter(|reader| *reader != EVERYBODY)
    }

    /// The sharing as it is, to be told again.
    pub(super) fn sharing(&self) -> Readers {
        Readers {
            public: self.is_public(),
            tenants: self.readers().cloned().collect(),
        }
    }
}

/// What Pithos will say of who may read an object that is shared so: it keeps nobody beside
/// everybody.
pub(super) fn readers_of(sharing: &Readers) -> Vec<String> {
    match sharing.public {
        true => vec![EVERYBODY.to_owned()],
        false => sharing.tenants.clone(),
    }
}

/// Whether the account is the caller's own.
pub(super) fn owns(caller: &Identity, account: &str) -> bool {
    caller.owner() == Some(account)
}

impl ImageService {
    /// What is at `location`. None: nothing. [`PlanktonError::Forbidden`]: the caller may not know.
    ///
    /// Pithos is asked as the caller or not at all. The store would take its own token for a caller
    /// without one, and for whatever lies where it keeps the data of Glance mode's images: then
    /// everybody could do there what we can.
    pub(super) async fn look(
        &self,
        caller: &Identity,
        location: &PithosLocation,
    ) -> Result<Option<Seen>, PlanktonError> {
        if caller.token.is_none() || self.is_ours(location) {
            return Err(PlanktonError::Forbidden);
        }
        let stat = self.stores.stat(&location.url(), caller).await;
        let stat = match stat {
            Ok(stat) => stat,
            Err(StoreError::NotFound | StoreError::BadLocation) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (Some(size), Some(facts)) = (stat.size, stat.object) else {
            return Err(PlanktonError::NoPithos);
        };
        Ok(Some(Seen { size, facts }))
    }

    /// Whether the store asks for this place with its own token.
    fn is_ours(&self, location: &PithosLocation) -> bool {
        let config = self.config();
        let own = &config.pithos;
        own.pithos_store_token.is_some()
            && own.pithos_store_account.as_ref() == Some(&location.account)
            && own.pithos_store_container == location.container
    }

    /// Tells Pithos who may read an object.
    pub(super) async fn tell_sharing(
        &self,
        requester: &Requester,
        location: &PithosLocation,
        readers: &Readers,
    ) -> Result<(), PlanktonError> {
        let url = location.url();
        let store = self.stores.by_scheme(url.scheme())?;
        let told = store.share(&url, readers, &requester.identity).await;
        told.map_err(|error| match error {
            // It can be read: it is changing it that is refused.
            StoreError::Forbidden => PlanktonError::NotAllowed,
            other => other.into(),
        })
    }

    /// Tells the old sharing again after the record could not be changed. When this fails as well,
    /// the record follows Pithos as soon as the owner looks.
    pub(super) async fn tell_old_sharing(
        &self,
        requester: &Requester,
        location: &PithosLocation,
        seen: &Seen,
    ) {
        let told = self
            .tell_sharing(requester, location, &seen.sharing())
            .await;
        if let Err(error) = told {
            let id = &seen.facts.uuid;
            log::error!("image {id}: the sharing of its object stays changed: {error}");
        }
    }
}
