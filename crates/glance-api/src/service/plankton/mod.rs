//! Images whose data is somebody's object in Pithos: what Plankton does, in no dialect's words.
//!
//! Pithos decides who may do what, and knows what the data is: every call about an image looks at
//! its object first, with the caller's token. The registry keeps what Pithos has no place for. Images
//! of Glance mode are seen here too, under the registry's own rules; they are changed in Glance mode only.
//!
//! - The record follows its object: size, hash, version and time whenever anybody looks, publicity
//!   and members when the owner does. For an image that is not public, its members are who may read
//!   the object in Pithos; for a public one Pithos keeps no others, so the registry does.
//! - Sharing is changed in Pithos first, because that is what every look compares with, and recorded
//!   then, in one call to the registry; when that fails, Pithos is told the old sharing again.
//! - No object is ever deleted here, nor by Glance mode's DELETE of such an image.

mod error;
mod facts;
mod found;
mod limits;
mod list;
mod members;
mod open;
pub(super) mod record;
mod register;
mod registered;
mod shared;
mod turns;
mod unregister;
mod update;
mod view;

use std::collections::BTreeMap;

use glance_core::pithos::PithosLocation;
use glance_core::query::{SortDirection, SortKey};
use glance_core::timestamp::Timestamp;

pub use error::PlanktonError;
pub(super) use facts::BY_GROUP;

/// An image as Plankton knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The object's UUID; for an image of Glance mode its id there.
    pub id: String,
    /// Name.
    pub name: String,
    /// What an update called its status, if one did; none is available.
    pub status: Option<String>,
    /// Plankton's word, or Glance's where Plankton has none.
    pub disk_format: String,
    /// Format of the container.
    pub container_format: String,
    /// Bytes.
    pub size: u64,
    /// Pithos' hash of the data; the MD5 for an image of Glance mode, empty if it has none.
    pub checksum: String,
    /// Where the object is. None for an image of Glance mode, whose place is nobody's business.
    pub location: Option<PithosLocation>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its record or its object changed last.
    pub updated_at: Timestamp,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// The account it belongs to; empty if it has none.
    pub owner: String,
    /// Free-form properties.
    pub properties: BTreeMap<String, String>,
}

/// An image to be registered, or registered again.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// Name, not empty.
    pub name: String,
    /// The object.
    pub location: PithosLocation,
    /// What the caller believes to be its size.
    pub size: Option<u64>,
    /// What the caller believes to be its hash.
    pub checksum: Option<String>,
    /// One of [`glance_core::plankton::DISK_FORMATS`].
    pub disk_format: String,
    /// One of [`glance_core::plankton::CONTAINER_FORMATS`].
    pub container_format: String,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// What the caller calls its owner: kept, counted and never shown (Synnefo's behaviour).
    pub owner: Option<String>,
    /// Properties; one with an empty value is forgotten.
    pub properties: BTreeMap<String, String>,
    /// What an earlier registration had: false forgets all properties and the status, as the guide
    /// says; true keeps what is not named, as the server does.
    pub merge: bool,
}

/// What an update changes; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct RegisteredUpdate {
    /// Name. An empty one is [`PlanktonError::NameRequired`].
    pub name: Option<String>,
    /// One of [`glance_core::plankton::DISK_FORMATS`].
    pub disk_format: Option<String>,
    /// One of [`glance_core::plankton::CONTAINER_FORMATS`].
    pub container_format: Option<String>,
    /// Any text; an empty one is none.
    pub status: Option<String>,
    /// As [`NewRegistration::owner`]; empty is none.
    pub owner: Option<String>,
    /// Whether everybody may read it.
    pub is_public: Option<bool>,
    /// Properties to set; one with an empty value is forgotten.
    pub properties: BTreeMap<String, String>,
}

/// Which images, and in which order.
#[derive(Clone, Debug)]
pub struct RegisteredQuery {
    /// Of one of these names; none given: of any.
    pub names: Vec<String>,
    /// Of this disk format, Plankton's word.
    pub disk_format: Option<String>,
    /// Of this container format.
    pub container_format: Option<String>,
    /// Of this status, in any case.
    pub status: Option<String>,
    /// Of at least so many bytes.
    pub size_min: Option<i64>,
    /// Of at most so many bytes.
    pub size_max: Option<i64>,
    /// By what; texts by code point, ties in the order of their locations.
    pub sort_key: SortKey,
    /// In which direction.
    pub direction: SortDirection,
}

impl Default for RegisteredQuery {
    /// All images, the latest first.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            disk_format: None,
            container_format: None,
            status: None,
            size_min: None,
            size_max: None,
            sort_key: SortKey::CreatedAt,
            direction: SortDirection::Descending,
        }
    }
}

/// What "images shared with respect to a user" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared<'a> {
    /// The caller's images that this user can read, public ones too (the guide).
    With(&'a str),
    /// What this user owns and the caller can read, public ones not (the server).
    By(&'a str),
}
