//! An image: its record as the registry answers it, its states, and what a caller may set.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::location::{LocationData, LocationUrl};
use crate::timestamp::Timestamp;

/// Free-form properties: a key in lower case with `_`, and a value or null.
pub type Properties = BTreeMap<String, Option<String>>;

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageStatus {
    /// Reserved; no data yet.
    Queued,
    /// Data is being uploaded.
    Saving,
    /// Data is there, whole and checked.
    Active,
    /// An upload failed; the image can only be deleted.
    Killed,
    /// Gone.
    Deleted,
    /// Gone for its users; its data waits for the scrubber.
    PendingDelete,
    /// Taken out of use by an administrator (Images API v2 only).
    Deactivated,
    /// A state of Images API v2's import that Glance 15 may have written.
    Importing,
    /// A state of Images API v2's import that Glance 15 may have written.
    Uploading,
}

impl ImageStatus {
    /// Glance's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Saving => "saving",
            Self::Active => "active",
            Self::Killed => "killed",
            Self::Deleted => "deleted",
            Self::PendingDelete => "pending_delete",
            Self::Deactivated => "deactivated",
            Self::Importing => "importing",
            Self::Uploading => "uploading",
        }
    }
}

impl fmt::Display for ImageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no image status.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Invalid image status '{0}' for image.")]
pub struct InvalidStatus(pub String);

impl FromStr for ImageStatus {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Queued,
            Self::Saving,
            Self::Active,
            Self::Killed,
            Self::Deleted,
            Self::PendingDelete,
            Self::Deactivated,
            Self::Importing,
            Self::Uploading,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| InvalidStatus(text.to_owned()))
    }
}

/// Who can see an image besides its owner, as Glance 15's tables keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody sees and lists it.
    Public,
    /// Everybody sees it by its id (Images API v2).
    Community,
    /// Its members see it. What v1 calls not public.
    Shared,
    /// Nobody else sees it (Images API v2).
    Private,
}

impl Visibility {
    /// Glance's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Community => "community",
            Self::Shared => "shared",
            Self::Private => "private",
        }
    }
}

/// The text is no visibility.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Invalid visibility value: {0}")]
pub struct InvalidVisibility(pub String);

impl FromStr for Visibility {
    type Err = InvalidVisibility;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Public, Self::Community, Self::Shared, Self::Private]
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
            .ok_or_else(|| InvalidVisibility(text.to_owned()))
    }
}

/// An image as the registry answers it, and as v1 shows it but for its locations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// Identifier, as the client or we spelled it.
    pub id: String,
    /// Name; need not be unique.
    pub name: Option<String>,
    /// State.
    pub status: ImageStatus,
    /// Bytes; 0 or none while unknown.
    pub size: Option<i64>,
    /// MD5 of the data, hexadecimal, or what the client declared.
    pub checksum: Option<String>,
    /// Format of the disk.
    pub disk_format: Option<String>,
    /// Format of the container.
    pub container_format: Option<String>,
    /// GiB of disk that an instance needs.
    pub min_disk: i64,
    /// MiB of memory that an instance needs.
    pub min_ram: i64,
    /// Whether everybody may use it.
    pub is_public: bool,
    /// Tenant (or user, see `owner_is_tenant`) it belongs to.
    pub owner: Option<String>,
    /// Whether it must not be deleted.
    pub protected: bool,
    /// Bytes of the disk that the image describes, if known.
    pub virtual_size: Option<i64>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its record changed last.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether it is gone.
    pub deleted: bool,
    /// The first active location, perhaps encrypted; never shown to a client.
    #[serde(default)]
    pub location: Option<LocationUrl>,
    /// All locations; never shown to a client.
    #[serde(default)]
    pub location_data: Vec<LocationData>,
    /// Free-form properties.
    #[serde(default)]
    pub properties: Properties,
}

/// What a request sets of an image: absent means unchanged (or the default, on creation),
/// `Some(None)` means null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImageFields {
    /// Identifier; on creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ImageStatus>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Option<i64>>,
    /// MD5, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Option<String>>,
    /// Format of the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_format: Option<Option<String>>,
    /// Format of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_format: Option<Option<String>>,
    /// GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_disk: Option<i64>,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ram: Option<i64>,
    /// Whether everybody may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_public: Option<bool>,
    /// Owner; heeded from administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Option<String>>,
    /// Whether it must not be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected: Option<bool>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<Option<i64>>,
    /// When it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When its record changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Where the data is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationUrl>,
    /// Where the data is, with what the store knows about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_data: Option<Vec<LocationData>>,
    /// Free-form properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_are_the_same_on_the_wire_and_in_text() {
        for word in [
            "queued",
            "saving",
            "active",
            "killed",
            "deleted",
            "pending_delete",
        ] {
            let status: ImageStatus = word.parse().unwrap();
            assert_eq!(serde_json::to_value(status).unwrap(), word);
        }
        assert!("bogus".parse::<ImageStatus>().is_err());
    }

    #[test]
    fn absent_fields_are_not_sent_and_null_ones_are() {
        let fields = ImageFields {
            name: Some(None),
            ..ImageFields::default()
        };
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"name":null}"#);
    }
}
