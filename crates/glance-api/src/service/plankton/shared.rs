//! Images shared with respect to a user.

use super::facts::{EVERYBODY, owns};
use super::found::Found;
use super::{PlanktonError, RegisteredQuery, Shared};
use crate::service::{ImageService, Requester};

impl ImageService {
    /// The ids of these images, the latest first.
    pub async fn shared_by(
        &self,
        requester: &Requester,
        shared: Shared<'_>,
    ) -> Result<Vec<String>, PlanktonError> {
        let all = self
            .list_found(requester, &RegisteredQuery::default())
            .await?;
        let caller = &requester.identity;
        let shown = all.iter().filter(|(found, image)| match shared {
            Shared::By(user) => image.owner == user && !image.is_public,
            Shared::With(user) => owns(caller, &image.owner) && is_readable(found, user),
        });
        Ok(shown.map(|(_, image)| image.id.clone()).collect())
    }
}

fn is_readable(found: &Found, user: &str) -> bool {
    match found {
        Found::Object(found) => {
            let facts = &found.seen.facts;
            let mut all = facts.readers.iter().chain(&facts.writers);
            all.any(|reader| reader == user || reader == EVERYBODY)
        }
        Found::Glance(image) => image.is_public,
    }
}
