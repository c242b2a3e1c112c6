//! The `x-image-meta-*` headers of a request, gathered and spelled alike.
//!
//! Names have any case and `-` or `_` between their words. What comes repeatedly, in one spelling
//! or in several, is joined with commas in the order of its arrival, as in Glance.

use std::collections::BTreeMap;

use glance_core::fault::Fault;
use glance_core::image::Properties;

use super::fault::UNDECODABLE;

const META: &str = "x-image-meta-";
const PROPERTY: &str = "x-image-meta-property-";
const PURGE: &str = "x-glance-registry-purge-props";
const COPY_FROM: &str = "x-glance-api-copy-from";

/// What may come after `x-image-meta-`.
const FIELDS: [&str; 21] = [
    "location",
    "size",
    "is_public",
    "disk_format",
    "container_format",
    "name",
    "status",
    "copy_from",
    "uri",
    "checksum",
    "created_at",
    "updated_at",
    "deleted_at",
    "min_ram",
    "min_disk",
    "owner",
    "store",
    "id",
    "protected",
    "deleted",
    "virtual_size",
];

/// The headers by what they are about.
#[derive(Debug, Default)]
pub(super) struct MetaHeaders {
    fields: BTreeMap<&'static str, Option<String>>,
    /// Properties by their names in lower case with `_`.
    properties: BTreeMap<String, Option<String>>,
    /// `x-glance-registry-purge-props`.
    pub(super) purge: Option<String>,
    /// `x-glance-api-copy-from`.
    pub(super) copy_from: Option<String>,
}

impl MetaHeaders {
    /// Gathers what is about an image among all headers of a request. An unknown field is refused,
    /// and so is a value that is no text.
    pub(super) fn gather<'a>(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Fault> {
        let mut gathered = Self::default();
        for (name, value) in headers {
            if !matches!(name.as_bytes().first(), Some(b'x' | b'X')) {
                continue;
            }
            let name = name.to_ascii_lowercase().replace('_', "-");
            if let Some(property) = name.strip_prefix(PROPERTY) {
                let values = gathered.properties.entry(property.replace('-', "_"));
                append(values.or_default(), text(&name, value)?);
            } else if let Some(field) = name.strip_prefix(META) {
                let field = field.replace('-', "_");
                let Some(field) = FIELDS.into_iter().find(|known| *known == field) else {
                    return Err(Fault::detailed(400, format!("Bad header: {name}")));
                };
                append(
                    gathered.fields.entry(field).or_default(),
                    text(&name, value)?,
                );
            } else if name == PURGE {
                append(&mut gathered.purge, text(&name, value)?);
            } else if name == COPY_FROM {
                append(&mut gathered.copy_from, text(&name, value)?);
            }
        }
        Ok(gathered)
    }

    /// The properties. An empty value is null.
    pub(super) fn take_properties(&mut self) -> Properties {
        let properties = std::mem::take(&mut self.properties).into_iter();
        properties
            .map(|(name, value)| (name, value.filter(|text| !text.is_empty())))
            .collect()
    }

    /// The text of a field, perhaps empty, if the request has it.
    pub(super) fn take(&mut self, field: &str) -> Option<String> {
        self.fields.remove(field).flatten()
    }
}

fn append(values: &mut Option<String>, value: &str) {
    match values {
        None => *values = Some(value.to_owned()),
        Some(values) => {
            values.push(',');
            values.push_str(value);
        }
    }
}

fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Fault> {
    let text = std::str::from_utf8(value).map_err(|_| Fault::explained(400, UNDECODABLE))?;
    if text.contains(|c: char| c.is_control() && c != '\t') {
        return Err(Fault::explained(
            400,
            format!("Header {name} has control characters."),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(headers: &[(&str, &str)]) -> Result<MetaHeaders, Fault> {
        MetaHeaders::gather(
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes())),
        )
    }

    #[test]
    fn takes_all_spellings_of_a_name() {
        for name in [
            "x-image-meta-disk-format",
            "X_IMAGE_META_DISK_FORMAT",
            "X-Image-Meta-Disk_format",
        ] {
            let mut headers = gather(&[(name, "raw")]).unwrap();
            assert_eq!(
                headers.take("disk_format").as_deref(),
                Some("raw"),
                "{name}"
            );
        }
    }

    #[test]
    fn joins_what_comes_repeatedly() {
        let headers = gather(&[
            ("x-image-meta-property-a-b", "1"),
            ("Host", "h"),
            ("x-image-meta-property-A_b", "2"),
            ("x-image-meta-property-a-b", "3"),
        ]);
        assert_eq!(
            headers.unwrap().take_properties()["a_b"].as_deref(),
            Some("1,2,3")
        );
    }

    #[test]
    fn allows_a_property_without_a_name() {
        let properties = gather(&[("x-image-meta-property-", "x")])
            .unwrap()
            .take_properties();
        assert_eq!(properties[""].as_deref(), Some("x"));
    }

    #[test]
    fn refuses_unknown_fields_by_name() {
        for (name, shown) in [
            ("x-image-meta-foo", "Bad header: x-image-meta-foo"),
            ("X-Image-Meta-", "Bad header: x-image-meta-"),
            (
                "x_image_meta_properties",
                "Bad header: x-image-meta-properties",
            ),
        ] {
            assert_eq!(
                gather(&[(name, "x")]).unwrap_err(),
                Fault::detailed(400, shown)
            );
        }
    }

    #[test]
    fn refuses_what_is_no_text() {
        let bad = MetaHeaders::gather([("x-image-meta-name", &b"\xff\xfe"[..])].into_iter());
        assert_eq!(bad.unwrap_err(), Fault::explained(400, UNDECODABLE));
        assert!(gather(&[("x-image-meta-name", "a\u{0}b")]).is_err());
        assert!(gather(&[("x-image-meta-name", "a\tb")]).is_ok());
    }
}
