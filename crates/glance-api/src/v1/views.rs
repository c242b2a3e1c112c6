//! How an image is shown: as headers, and as JSON in lists and answers.

use std::fmt::{self, Display};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};
use glance_core::image::{Image, Properties};
use glance_core::json;
use glance_core::timestamp::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};

use super::times::http_date;

const IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An id as a part of a URL.
pub(super) fn encoded(id: &str) -> impl Display {
    utf8_percent_encode(id, IN_URL)
}

/// The URL of an image below `base`, `scheme://host`.
pub(super) fn image_url(base: &str, id: &str) -> String {
    format!("{base}/v1/images/{}", encoded(id))
}

/// An answer with a JSON body.
pub(super) fn json_response<T: Serialize>(status: StatusCode, view: &T) -> HttpResponse {
    match json::to_vec(view) {
        Ok(body) => HttpResponse::build(status)
            .content_type("application/json")
            .body(body),
        // Not to be expected of any view.
        Err(error) => {
            log::error!("an answer cannot be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Adds the headers that describe `image`: one for each field and property that is not null.
/// `Etag` is the checksum without quotes, as Glance sends it.
///
/// A value that cannot stand in a header is left out; so is a property whose name cannot.
pub(super) fn describe(image: &Image, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    let mut text = |name, value: Option<&str>| {
        if let Some(value) = value {
            put(name, value.as_bytes());
        }
    };
    text("x-image-meta-id", Some(&image.id));
    text("x-image-meta-name", image.name.as_deref());
    text("x-image-meta-status", Some(image.status.as_str()));
    text("x-image-meta-checksum", image.checksum.as_deref());
    text("x-image-meta-disk_format", image.disk_format.as_deref());
    text(
        "x-image-meta-container_format",
        image.container_format.as_deref(),
    );
    text("x-image-meta-owner", image.owner.as_deref());
    text("x-image-meta-is_public", Some(python_bool(image.is_public)));
    text("x-image-meta-protected", Some(python_bool(image.protected)));
    text("x-image-meta-deleted", Some(python_bool(image.deleted)));
    let mut number = |name, value: Option<i64>| {
        if let Some(value) = value {
            headers.append(HeaderName::from_static(name), HeaderValue::from(value));
        }
    };
    number("x-image-meta-size", image.size);
    number("x-image-meta-virtual_size", image.virtual_size);
    number("x-image-meta-min_disk", Some(image.min_disk));
    number("x-image-meta-min_ram", Some(image.min_ram));
    let mut time = |name, value: Option<Timestamp>| {
        if let Some(value) = value.and_then(|time| HeaderValue::try_from(time.to_string()).ok()) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    time("x-image-meta-created_at", Some(image.created_at));
    time("x-image-meta-updated_at", Some(image.updated_at));
    time("x-image-meta-deleted_at", image.deleted_at);
    for (name, value) in &image.properties {
        let Some(value) = value else { continue };
        let name = HeaderName::try_from(format!("x-image-meta-property-{name}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    put_etag(image, headers);
}

/// Adds the checksum as `Etag`, if there is one.
pub(super) fn put_etag(image: &Image, headers: &mut HeaderMap) {
    let etag = image
        .checksum
        .as_deref()
        .filter(|checksum| !checksum.is_empty());
    if let Some(Ok(etag)) = etag.map(HeaderValue::from_str) {
        headers.insert(ETAG, etag);
    }
}

/// Adds `Last-Modified`: when the image was registered.
///
/// Data never changes, so any constant time before the first download is right; the time of the
/// last change of the record would make a client fetch everything again after a new property.
pub(super) fn put_last_modified(image: &Image, headers: &mut HeaderMap) {
    if let Ok(date) = HeaderValue::try_from(http_date(image.created_at)) {
        headers.insert(LAST_MODIFIED, date);
    }
}

fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// `{"image": …}`.
#[derive(Serialize)]
pub(super) struct OneImage<'a> {
    pub(super) image: Detail<'a>,
}

/// `{"images": […]}`.
#[derive(Serialize)]
pub(super) struct ImageList<T> {
    pub(super) images: Vec<T>,
}

/// All that v1 shows of an image: never where its data is.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    id: &'a str,
    name: Option<&'a str>,
    status: &'static str,
    size: Option<i64>,
    checksum: Option<&'a str>,
    disk_format: Option<&'a str>,
    container_format: Option<&'a str>,
    min_disk: i64,
    min_ram: i64,
    is_public: bool,
    owner: Option<&'a str>,
    protected: bool,
    virtual_size: Option<i64>,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Option<Timestamp>,
    deleted: bool,
    properties: &'a Properties,
}

/// An item of a list: what is shown of the image, and where it is.
#[derive(Serialize)]
pub(super) struct Item<'a, T: Serialize> {
    #[serde(flatten)]
    image: &'a T,
    uri: Uri<'a>,
}

/// The seed documents show it in lists; Glance 15 does not.
struct Uri<'a> {
    base: &'a str,
    id: &'a str,
}

impl Serialize for Uri<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v1/images/{}", self.base, encoded(self.id))
    }
}

impl<'a> Detail<'a> {
    /// As an answer shows it.
    pub(super) fn of(image: &'a Image) -> Self {
        Self {
            id: &image.id,
            name: image.name.as_deref(),
            status: image.status.as_str(),
            size: image.size,
            checksum: image.checksum.as_deref(),
            disk_format: image.disk_format.as_deref(),
            container_format: image.container_format.as_deref(),
            min_disk: image.min_disk,
            min_ram: image.min_ram,
            is_public: image.is_public,
            owner: image.owner.as_deref(),
            protected: image.protected,
            virtual_size: image.virtual_size,
            created_at: image.created_at,
            updated_at: image.updated_at,
            deleted_at: image.deleted_at,
            deleted: image.deleted,
            properties: &image.properties,
        }
    }
}

impl<'a, T: Serialize> Item<'a, T> {
    /// The image `id` in a list of `base`, `scheme://host`.
    pub(super) fn new(image: &'a T, id: &'a str, base: &'a str) -> Self {
        let uri = Uri { base, id };
        Self { image, uri }
    }
}
