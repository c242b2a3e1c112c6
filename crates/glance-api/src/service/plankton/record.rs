//! How a registration looks in the registry: a location that is marked with its object's UUID.

use glance_core::image::Image;
use glance_core::location::LocationData;
use glance_core::pithos::PithosLocation;
use glance_core::wire::{REGISTERED, RegisteredPlace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::facts::Seen;
use crate::service::ImageService;

/// What is noted beside a location: what there is no column for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notes {
    /// The object.
    #[serde(rename = "pithos_uuid")]
    pub uuid: String,
    /// The version that the record describes.
    pub version: u64,
    /// Who could read it by Pithos when its owner looked last, in order.
    pub readers: Vec<String>,
    /// Who could write it, likewise.
    pub writers: Vec<String>,
    /// What an update called the image's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What somebody called the image's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Notes {
    /// Takes over what was seen of the data.
    pub(super) fn follow_data(&mut self, seen: &Seen) {
        self.version = seen.facts.version;
    }

    /// Takes over what was seen of the sharing.
    pub(super) fn follow_sharing(&mut self, readers: &[String], writers: &[String]) {
        self.readers = readers.to_vec();
        self.readers.sort();
        self.writers = writers.to_vec();
        self.writers.sort();
    }

    /// The items of metadata that are used up besides properties.
    pub(super) fn items(&self) -> u64 {
        let own = u64::from(self.status.is_some()) + u64::from(self.owner.is_some());
        glance_core::plankton::FIXED_ITEMS + own
    }

    fn into_metadata(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            // Texts and a number are an object.
            _ => Map::new(),
        }
    }
}

/// A text that somebody gave; an empty one is none.
pub(super) fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A registration's place, as the registry has it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub location: PithosLocation,
    pub notes: Notes,
}

/// Whether the image is a registration: its data is somebody's object.
pub(in crate::service) fn is_registered(image: &Image) -> bool {
    image.location_data.iter().any(is_registered_place)
}

/// Whether data at this location is somebody's object, which is never ours to delete, to sweep or
/// to call an orphan.
///
/// The mark is set by registrations alone. It is not the location that decides: somebody may well
/// register an object that lies where [`glance_store::store::ImageStore::add`] puts ours.
pub(in crate::service) fn is_registered_place(location: &LocationData) -> bool {
    location.metadata.contains_key(REGISTERED)
}

impl ImageService {
    /// The place of a registration. None: the image is another kind, or its place is unreadable.
    pub(super) fn known_place(&self, image: &Image) -> Option<Known> {
        let place = image
            .location_data
            .iter()
            .rfind(|place| is_registered_place(place))?;
        let url = self.decrypted(&place.url).ok()?;
        Some(Known {
            location: url.expose().parse().ok()?,
            notes: serde_json::from_value(Value::Object(place.metadata.clone())).ok()?,
        })
    }

    /// The place as the registry takes it.
    pub(super) fn registered_place(
        &self,
        location: &PithosLocation,
        notes: Notes,
    ) -> Result<RegisteredPlace, super::PlanktonError> {
        let url = self.encrypted(&location.url());
        Ok(RegisteredPlace {
            url: url.map_err(|error| super::PlanktonError::Unavailable(Box::new(error)))?,
            metadata: notes.into_metadata(),
        })
    }
}
