//! Images as the dialect shows them: in lists as JSON, one by one as headers.

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use glance_core::timestamp::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::level::Level;
use crate::service::plankton::Registered;

/// What Synnefo leaves as it is: letters, digits and these.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'/');

/// The same in a header's name, which has no slash.
const QUOTED_NAME: &AsciiSet = &QUOTED.add(b'/');

/// An image in a list.
#[derive(Debug, Serialize)]
pub(super) struct Brief<'a> {
    status: &'a str,
    name: &'a str,
    disk_format: &'a str,
    container_format: &'a str,
    id: &'a str,
    size: u64,
}

impl<'a> Brief<'a> {
    /// As `level` shows it.
    pub(super) fn of(image: &'a Registered, level: Level) -> Self {
        Self {
            status: level.listed_status(image.status.as_deref()),
            name: &image.name,
            disk_format: &image.disk_format,
            container_format: &image.container_format,
            id: &image.id,
            size: image.size,
        }
    }
}

/// An image in a detailed list.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a> {
    #[serde(flatten)]
    brief: Brief<'a>,
    location: String,
    checksum: &'a str,
    created_at: String,
    updated_at: String,
    /// What is deleted is not listed.
    deleted_at: &'static str,
    is_public: bool,
    owner: &'a str,
    properties: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_snapshot: Option<bool>,
}

impl<'a> Detail<'a> {
    /// As `level` shows it.
    pub(super) fn of(image: &'a Registered, level: Level) -> Self {
        Self {
            brief: Brief::of(image, level),
            location: location(image),
            checksum: &image.checksum,
            created_at: moment(image.created_at),
            updated_at: moment(image.updated_at),
            deleted_at: "",
            is_public: image.is_public,
            owner: &image.owner,
            properties: &image.properties,
            is_snapshot: level.shows_snapshots().then_some(false),
        }
    }
}

/// Puts all that is known of an image into `headers`.
pub(super) fn describe(image: &Registered, level: Level, headers: &mut HeaderMap) {
    let mut put = |name: &str, value: &str| {
        let name = HeaderName::try_from(format!("x-image-meta-{name}"));
        // A header can have anything but control characters, which are quoted where they can be.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    };
    put("id", &image.id);
    put("name", &quoted(&image.name));
    put("disk-format", &image.disk_format);
    put("container-format", &image.container_format);
    put("size", &image.size.to_string());
    put("checksum", &image.checksum);
    put("location", &location(image));
    put("created-at", &moment(image.created_at));
    put("updated-at", &moment(image.updated_at));
    put("deleted-at", "");
    put("status", &level.status_header(image.status.as_deref()));
    put("is-public", python_bool(image.is_public));
    put("owner", &image.owner);
    if level.shows_snapshots() {
        put("is-snapshot", python_bool(false));
        put("description", "");
    }
    for (name, value) in &image.properties {
        let name = name.replace('_', "-");
        let name = utf8_percent_encode(&name, QUOTED_NAME);
        put(&format!("property-{name}"), &quoted(value));
    }
}

/// One of an image's members.
#[derive(Debug, Serialize)]
pub(super) struct Member<'a> {
    member_id: &'a str,
    can_share: bool,
}

/// `{"members": […]}`.
#[derive(Debug, Serialize)]
pub(super) struct Members<'a> {
    members: Vec<Member<'a>>,
}

impl<'a> Members<'a> {
    pub(super) fn of(ids: &'a [String]) -> Self {
        let member = |id: &'a String| Member {
            member_id: id,
            can_share: false,
        };
        Self {
            members: ids.iter().map(member).collect(),
        }
    }
}

/// One image in a list of shared ones.
#[derive(Debug, Serialize)]
pub(super) struct SharedImage<'a> {
    image_id: &'a str,
    can_share: bool,
}

/// `{"shared_images": […]}`.
#[derive(Debug, Serialize)]
pub(super) struct SharedImages<'a> {
    shared_images: Vec<SharedImage<'a>>,
}

impl<'a> SharedImages<'a> {
    pub(super) fn of(ids: &'a [String]) -> Self {
        let image = |id: &'a String| SharedImage {
            image_id: id,
            can_share: false,
        };
        Self {
            shared_images: ids.iter().map(image).collect(),
        }
    }
}

/// `YYYY-MM-DD HH:MM:SS`, UTC; what is finer than a second is cut off.
fn moment(time: Timestamp) -> String {
    time.naive().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Where the data of an image of Glance mode is, nobody is told.
fn location(image: &Registered) -> String {
    let location = image.location.as_ref();
    location.map(ToString::to_string).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string()
}

fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn image() -> Registered {
        let properties = [("os_family", "κ x"), ("café", "(1)")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Registered {
            id: "i".to_owned(),
            name: "café a/b+c~".to_owned(),
            status: None,
            disk_format: "diskdump".to_owned(),
            container_format: "bare".to_owned(),
            size: 5,
            checksum: "abc".to_owned(),
            location: "pithos://a/b/c%20d".parse().ok(),
            created_at: Timestamp::parse("2013-03-29T14:14:34.999").unwrap(),
            updated_at: Timestamp::parse("2013-03-30T14:14:34").unwrap(),
            is_public: false,
            owner: "a".to_owned(),
            properties: BTreeMap::from(properties),
        }
    }

    fn headers(level: Level) -> HeaderMap {
        let mut headers = HeaderMap::new();
        describe(&image(), level, &mut headers);
        headers
    }

    #[test]
    fn headers_are_quoted_and_complete() {
        let headers = headers(Level::Synnefo);
        let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        for (name, value) in [
            ("x-image-meta-name", "caf%C3%A9%20a/b%2Bc%7E"),
            ("x-image-meta-location", "pithos://a/b/c%20d"),
            ("x-image-meta-created-at", "2013-03-29 14:14:34"),
            ("x-image-meta-deleted-at", ""),
            ("x-image-meta-status", "AVAILABLE"),
            ("x-image-meta-is-public", "False"),
            ("x-image-meta-is-snapshot", "False"),
            ("x-image-meta-description", ""),
            ("x-image-meta-property-os-family", "%CE%BA%20x"),
            ("x-image-meta-property-caf%C3%A9", "%281%29"),
        ] {
            assert_eq!(of(name), Some(value), "{name}");
        }
        assert_eq!(headers.len(), 17);
    }

    #[test]
    fn the_guide_has_no_snapshots() {
        let headers = headers(Level::Guide);
        assert!(!headers.contains_key("x-image-meta-is-snapshot"));
        assert!(!headers.contains_key("x-image-meta-description"));
        let image = image();
        let detail = serde_json::to_value(Detail::of(&image, Level::Guide)).unwrap();
        assert_eq!(detail.get("is_snapshot"), None);
        assert_eq!(detail["status"], "available");
    }

    #[test]
    fn lists_have_the_fields_of_the_recordings() {
        let image = image();
        let brief = serde_json::to_value(Brief::of(&image, Level::Synnefo)).unwrap();
        let expected = json!({
            "status": "AVAILABLE", "name": "café a/b+c~", "disk_format": "diskdump",
            "container_format": "bare", "id": "i", "size": 5,
        });
        assert_eq!(brief, expected);
        let detail = serde_json::to_value(Detail::of(&image, Level::Synnefo)).unwrap();
        assert_eq!(
            detail["properties"],
            json!({ "os_family": "κ x", "café": "(1)" })
        );
        assert_eq!(detail["location"], "pithos://a/b/c%20d");
        assert_eq!(detail["is_snapshot"], Value::Bool(false));
        assert_eq!(detail.as_object().unwrap().len(), 15);
    }
}
