//! Lists: what the registry knows, as far as Pithos confirms it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::future::ready;

use futures_util::{StreamExt, TryStreamExt, stream};
use glance_core::image::{Image, ImageStatus};
use glance_core::pithos::PithosLocation;
use glance_core::plankton::{self, AVAILABLE};
use glance_core::query::{SortDirection, SortKey};

use super::facts::{BY_GROUP, Seen};
use super::found::Found;
use super::record::{Known, is_registered};
use super::{PlanktonError, Registered, RegisteredQuery};
use crate::service::{ImageService, Requester, ServiceError};

/// Images in one question to the registry.
const PAGE: usize = 500;

/// Objects that are looked at at the same time.
const PARALLEL: usize = 16;

impl ImageService {
    /// The images that the caller sees: own, shared with the caller, and public ones. Those whose
    /// objects are gone, were replaced or may not be read are not among them.
    ///
    /// When Pithos does not answer for one of them, there is no list: a list that lacks images looks
    /// as if they were gone.
    pub async fn list_registered(
        &self,
        requester: &Requester,
        query: &RegisteredQuery,
    ) -> Result<Vec<Registered>, PlanktonError> {
        let found = self.list_found(requester, query).await?;
        Ok(found.into_iter().map(|(_, image)| image).collect())
    }

    /// The same with what was found of each.
    pub(super) async fn list_found(
        &self,
        requester: &Requester,
        query: &RegisteredQuery,
    ) -> Result<Vec<(Found, Registered)>, PlanktonError> {
        let mut images = self.recorded(requester).await?;
        let more = self.shared_with_groups(requester, &images).await?;
        images.extend(more);
        images.retain(|image| may_match(query, image));
        let mut found: Vec<Found> = Vec::new();
        let mut objects: BTreeMap<PithosLocation, Vec<(Image, Known)>> = BTreeMap::new();
        for image in images {
            match self.known_place(&image) {
                Some(known) => {
                    let place = known.location.clone();
                    objects.entry(place).or_default().push((image, known));
                }
                None if is_registered(&image) => {}
                None => found.push(Found::Glance(Box::new(image))),
            }
        }
        let looks = objects.into_iter().map(|(location, images)| async move {
            let seen = match self.look(&requester.identity, &location).await {
                Err(PlanktonError::Forbidden) => None,
                seen => seen?,
            };
            Ok::<_, PlanktonError>(self.all_matched(requester, images, seen).await)
        });
        let seen: Vec<Vec<Found>> = stream::iter(looks).buffered(PARALLEL).try_collect().await?;
        found.extend(seen.into_iter().flatten());
        let shown = found.into_iter().map(|found| {
            let image = found.shown();
            (found, image)
        });
        let mut shown: Vec<_> = shown.filter(|(_, image)| matches(query, image)).collect();
        shown.sort_by(|(_, one), (_, other)| in_order(query, one, other));
        Ok(shown)
    }

    /// Of the records of one place that one whose object it is.
    async fn all_matched(
        &self,
        requester: &Requester,
        images: Vec<(Image, Known)>,
        seen: Option<Seen>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for (image, known) in images {
            let one = self.matched(requester, image, known, seen.clone()).await;
            found.extend(one.map(Box::new).map(Found::Object));
        }
        found
    }

    /// All active images that the caller may see by the registry.
    async fn recorded(&self, requester: &Requester) -> Result<Vec<Image>, PlanktonError> {
        let mut all: Vec<Image> = Vec::new();
        loop {
            let mut query = vec![
                ("status".to_owned(), ImageStatus::Active.to_string()),
                ("limit".to_owned(), PAGE.to_string()),
                ("sort_key".to_owned(), "id".to_owned()),
                ("sort_dir".to_owned(), "asc".to_owned()),
            ];
            query.extend(
                all.last()
                    .map(|last| ("marker".to_owned(), last.id.clone())),
            );
            // A registry with a small `api_limit_max` gives short pages: only an empty one is the end.
            let page = self.list_detailed(requester, &query).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Images beside those `known` whose objects a group of Pithos may read; whether the caller is in
    /// it the object tells.
    async fn shared_with_groups(
        &self,
        requester: &Requester,
        known: &[Image],
    ) -> Result<Vec<Image>, PlanktonError> {
        let service = &self.as_service(requester).await;
        let shared = self.shared_images(service, BY_GROUP).await?;
        let known: HashSet<&str> = known.iter().map(|image| image.id.as_str()).collect();
        let others = shared.into_iter().map(|shared| shared.image_id);
        let others = others.filter(|id| !known.contains(id.as_str()));
        let finds = others.map(|id| async move {
            match self.find(service, &id).await {
                Ok(image) => Ok(Some(image)),
                Err(ServiceError::NotFound { .. }) => Ok(None),
                Err(error) => Err(PlanktonError::from(error)),
            }
        });
        let found = stream::iter(finds).buffered(PARALLEL);
        let mut found: Vec<Image> = found
            .try_filter_map(|image| ready(Ok(image)))
            .try_collect()
            .await?;
        found.retain(|image| !image.deleted && image.status == ImageStatus::Active);
        Ok(found)
    }
}

/// What can be told without looking at the object.
fn may_match(query: &RegisteredQuery, image: &Image) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
    let disk_format = image.disk_format.as_deref().unwrap_or_default();
    let name = image.name.as_deref().unwrap_or_default();
    (query.names.is_empty() || query.names.iter().any(|wanted| wanted == name))
        && is(&query.disk_format, plankton::from_record(disk_format))
        && is(
            &query.container_format,
            image.container_format.as_deref().unwrap_or_default(),
        )
}

fn matches(query: &RegisteredQuery, image: &Registered) -> bool {
    let size = i64::try_from(image.size).unwrap_or(i64::MAX);
    let status = status(image);
    let wanted = query.status.as_ref();
    wanted.is_none_or(|wanted| wanted.to_lowercase() == status.to_lowercase())
        && query.size_min.is_none_or(|least| size >= least)
        && query.size_max.is_none_or(|most| size <= most)
}

fn status(image: &Registered) -> &str {
    image.status.as_deref().unwrap_or(AVAILABLE)
}

/// Rust compares texts by their UTF-8, which is the order of code points. Ties are in the order of
/// their places whatever the direction.
fn in_order(query: &RegisteredQuery, one: &Registered, other: &Registered) -> Ordering {
    let by_key = match query.sort_key {
        SortKey::Id => one.id.cmp(&other.id),
        SortKey::Name => one.name.cmp(&other.name),
        SortKey::Status => status(one).cmp(status(other)),
        SortKey::Size => one.size.cmp(&other.size),
        SortKey::DiskFormat => one.disk_format.cmp(&other.disk_format),
        SortKey::ContainerFormat => one.container_format.cmp(&other.container_format),
        SortKey::CreatedAt => one.created_at.cmp(&other.created_at),
        SortKey::UpdatedAt => one.updated_at.cmp(&other.updated_at),
    };
    let by_key = match query.direction {
        SortDirection::Ascending => by_key,
        SortDirection::Descending => by_key.reverse(),
    };
    let place = |image: &Registered| image.location.as_ref().map(ToString::to_string);
    by_key
        .then_with(|| place(one).cmp(&place(other)))
        .then_with(|| one.id.cmp(&other.id))
}
