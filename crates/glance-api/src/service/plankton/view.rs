//! A record, and what was seen of its object, as Plankton knows them.

use std::collections::BTreeMap;

use glance_core::image::Image;
use glance_core::plankton;

use super::Registered;
use super::facts::Seen;
use super::record::Known;

/// A registration: what Pithos says goes before what the record says.
pub(super) fn of_object(image: &Image, known: &Known, seen: &Seen) -> Registered {
    Registered {
        status: known.notes.status.clone(),
        size: seen.size,
        checksum: seen.facts.hash.clone(),
        location: Some(known.location.clone()),
        updated_at: image.updated_at.max(seen.facts.modified),
        is_public: seen.is_public(),
        owner: known.location.account.clone(),
        ..of_glance(image)
    }
}

/// An image of Glance mode, in Plankton's words.
pub(super) fn of_glance(image: &Image) -> Registered {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let properties: BTreeMap<String, String> = image
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    Registered {
        id: image.id.clone(),
        name: text(&image.name),
        status: None,
        disk_format: plankton::from_record(&text(&image.disk_format)).to_owned(),
        container_format: text(&image.container_format),
        size: image
            .size
            .and_then(|size| size.try_into().ok())
            .unwrap_or(0),
        checksum: text(&image.checksum),
        location: None,
        created_at: image.created_at,
        updated_at: image.updated_at,
        is_public: image.is_public,
        owner: text(&image.owner),
        properties,
    }
}
