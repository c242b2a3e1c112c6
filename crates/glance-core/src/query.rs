//! What a list of images can be filtered and sorted by: the words both daemons agree on.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Filters that the API daemon passes on to the registry, besides `property-*`.
///
/// Glance ignores every other parameter (`owner`, `checksum`, `deleted`, …) at its public side.
pub const FILTERS: [&str; 11] = [
    "name",
    "status",
    "container_format",
    "disk_format",
    "min_ram",
    "min_disk",
    "size_min",
    "size_max",
    "is_public",
    "changes-since",
    "protected",
];

/// Parameters of a page, passed on as well.
pub const PAGE: [&str; 4] = ["limit", "marker", "sort_key", "sort_dir"];

/// What marks a parameter as a filter by a property.
pub const PROPERTY_PREFIX: &str = "property-";

/// The attribute a list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// By name.
    Name,
    /// By status.
    Status,
    /// By container format.
    ContainerFormat,
    /// By disk format.
    DiskFormat,
    /// By size.
    Size,
    /// By id.
    Id,
    /// By time of registration: the default.
    CreatedAt,
    /// By time of the last change.
    UpdatedAt,
}

impl SortKey {
    /// All keys, in the order of Glance's error text.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Status,
        Self::ContainerFormat,
        Self::DiskFormat,
        Self::Size,
        Self::Id,
        Self::CreatedAt,
        Self::UpdatedAt,
    ];

    /// The name of the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Status => "status",
            Self::ContainerFormat => "container_format",
            Self::DiskFormat => "disk_format",
            Self::Size => "size",
            Self::Id => "id",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }
}

/// The text is no sort key, or no sort direction. The texts are Glance's.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SortError {
    /// Not one of [`SortKey::ALL`].
    #[error("Unsupported sort_key. Acceptable values: {}", SortKeys)]
    Key,
    /// Neither `asc` nor `desc`.
    #[error("Unsupported sort_dir. Acceptable values: asc, desc")]
    Direction,
}

struct SortKeys;

impl fmt::Display for SortKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SortKey::ALL.map(SortKey::as_str).join(", "))
    }
}

impl FromStr for SortKey {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|key| key.as_str() == text)
            .ok_or(SortError::Key)
    }
}

/// Which end of the order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first: the default.
    Descending,
}

impl FromStr for SortDirection {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(SortError::Direction),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_are_glances() {
        assert_eq!("created_at".parse(), Ok(SortKey::CreatedAt));
        assert_eq!("id;drop".parse::<SortKey>(), Err(SortError::Key));
        assert_eq!("DESC".parse::<SortDirection>(), Err(SortError::Direction));
        assert_eq!(
            SortError::Key.to_string(),
            "Unsupported sort_key. Acceptable values: name, status, container_format, \
             disk_format, size, id, created_at, updated_at"
        );
    }
}
