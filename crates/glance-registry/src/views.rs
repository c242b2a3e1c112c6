//! The JSON of images, as Glance's registry writes it ([`glance_core::image::Image`] reads it).

use glance_core::location::LocationData;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::db::{ImageRecord, Summary};

/// `{"image": {…}}`.
#[derive(Serialize)]
pub(crate) struct OneImage<'a> {
    pub(crate) image: ImageView<'a>,
}

/// `{"images": […]}` in detail.
#[derive(Serialize)]
pub(crate) struct Images<'a> {
    pub(crate) images: Vec<ImageView<'a>>,
}

/// `{"images": […]}` in short.
#[derive(Serialize)]
pub(crate) struct Summaries<'a> {
    pub(crate) images: Vec<SummaryView<'a>>,
}

/// An image.
pub(crate) struct ImageView<'a> {
    pub(crate) record: &'a ImageRecord,
    /// Glance leaves `is_public` out of the answer to DELETE.
    pub(crate) is_public: bool,
}

impl<'a> From<&'a ImageRecord> for ImageView<'a> {
    fn from(record: &'a ImageRecord) -> Self {
        Self {
            record,
            is_public: true,
        }
    }
}

impl Serialize for ImageView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ImageRecord {
            row,
            properties,
            locations,
        } = self.record;
        let active = locations
            .iter()
            .find(|location| location.status == "active");
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &row.id)?;
        map.serialize_entry("name", &row.name)?;
        map.serialize_entry("status", &row.status)?;
        map.serialize_entry("size", &row.size)?;
        map.serialize_entry("virtual_size", &row.virtual_size)?;
        map.serialize_entry("checksum", &row.checksum)?;
        map.serialize_entry("disk_format", &row.disk_format)?;
        map.serialize_entry("container_format", &row.container_format)?;
        map.serialize_entry("min_disk", &row.min_disk)?;
        map.serialize_entry("min_ram", &row.min_ram)?;
        if self.is_public {
            map.serialize_entry("is_public", &(row.visibility == "public"))?;
        }
        map.serialize_entry("owner", &row.owner)?;
        map.serialize_entry("protected", &row.protected)?;
        map.serialize_entry("created_at", &row.created_at)?;
        map.serialize_entry(
            "updated_at",
            row.updated_at.as_ref().unwrap_or(&row.created_at),
        )?;
        map.serialize_entry("deleted_at", &row.deleted_at)?;
        map.serialize_entry("deleted", &row.deleted)?;
        map.serialize_entry("location", &active.map(|location| &location.url))?;
        map.serialize_entry::<_, [LocationData]>("location_data", locations)?;
        map.serialize_entry("properties", properties)?;
        map.end()
    }
}

/// An item of a short list.
#[derive(Serialize)]
pub(crate) struct SummaryView<'a> {
    id: &'a str,
    name: Option<&'a str>,
    size: Option<i64>,
    disk_format: Option<&'a str>,
    container_format: Option<&'a str>,
    checksum: Option<&'a str>,
}

impl<'a> From<&'a Summary> for SummaryView<'a> {
    fn from(summary: &'a Summary) -> Self {
        Self {
            id: &summary.id,
            name: summary.name.as_deref(),
            size: summary.size,
            disk_format: summary.disk_format.as_deref(),
            container_format: summary.container_format.as_deref(),
            checksum: summary.checksum.as_deref(),
        }
    }
}
