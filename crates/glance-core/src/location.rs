//! Where the data of an image is: a store's URI that never prints its credentials.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A location as the registry keeps it: a store's URI, or the same encrypted.
///
/// `Debug` and `Display` show the scheme only, because the rest may hold credentials
/// (`swift://user:key@…`) or be encrypted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocationUrl(String);

impl LocationUrl {
    /// Wraps a URI, plain or encrypted.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text, for the store and the registry and for nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands before `:`, or nothing where there is no `:` (an encrypted location has none).
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

impl fmt::Display for LocationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:…", self.scheme())
    }
}

impl fmt::Debug for LocationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One location of an image, as on the wire to the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationData {
    /// The registry's number for it; absent when it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Where the data is.
    pub url: LocationUrl,
    /// `active`, `pending_delete` or `deleted`.
    pub status: String,
    /// What the operator noted about the store, as a JSON object.
    #[serde(default)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl LocationData {
    /// A new active location without metadata.
    pub fn active(url: LocationUrl) -> Self {
        Self {
            id: None,
            url,
            status: "active".to_owned(),
            metadata: serde_json::Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_credentials() {
        let url = LocationUrl::new("swift://user:key@host/container/object");
        assert_eq!(format!("{url} {url:?}"), "swift:… swift:…");
        assert!(!format!("{:?}", LocationData::active(url)).contains("key"));
    }
}
