//! What the headers of a request say about an image, checked in Glance's order and typed.

use glance_core::fault::Fault;
use glance_core::format::Formats;
use glance_core::image::{ImageFields, Properties};
use glance_core::timestamp::Timestamp;

use super::headers::MetaHeaders;
use super::times;

/// The longest name of an image or a property, in bytes of UTF-8 (Glance counts so too).
const LONGEST_NAME: usize = 255;
/// The longest checksum, in characters: an MD5.
const LONGEST_CHECKSUM: usize = 32;

/// What a request says about an image.
#[derive(Debug, Default)]
pub(super) struct ImageMeta {
    /// What it sets, but for status, owner and locations. Its properties are in `properties`.
    pub(super) fields: ImageFields,
    pub(super) properties: Properties,
    pub(super) id: Option<String>,
    /// Of no effect on creation; may not differ on update.
    pub(super) status: Option<String>,
    /// Heeded from administrators only; empty is null.
    pub(super) owner: Option<Option<String>>,
    pub(super) deleted: bool,
    pub(super) store: Option<String>,
    pub(super) location: Option<String>,
    pub(super) copy_from: Option<String>,
    /// Whether properties that the request does not name are to go: true unless it says otherwise.
    pub(super) purge_properties: bool,
}

impl ImageMeta {
    /// Reads all of it, or says what is wrong.
    pub(super) fn read(mut headers: MetaHeaders, formats: &Formats) -> Result<Self, Fault> {
        let mut fields = ImageFields {
            size: integer(&mut headers, "size")?.map(Some),
            min_disk: integer(&mut headers, "min_disk")?,
            min_ram: integer(&mut headers, "min_ram")?,
            virtual_size: virtual_size(&mut headers)?,
            is_public: boolean(&mut headers, "is_public"),
            protected: boolean(&mut headers, "protected"),
            ..ImageFields::default()
        };
        let deleted = boolean(&mut headers, "deleted").unwrap_or(false);
        let (mut disk, mut container) = (
            headers.take("disk_format"),
            headers.take("container_format"),
        );
        formats
            .check(&mut disk, &mut container)
            .map_err(|error| Fault::explained(400, error.to_string()))?;
        fields.disk_format = disk.map(Some);
        fields.container_format = container.map(Some);
        fields.created_at = time(&mut headers, "created_at")?;
        fields.updated_at = time(&mut headers, "updated_at")?;
        // Checked, but an image that is not deleted has no such time.
        time(&mut headers, "deleted_at")?;
        fields.name = nullable(&mut headers, "name");
        fields.checksum = nullable(&mut headers, "checksum");
        check_lengths(&fields)?;
        let properties = headers.take_properties();
        check_names(&properties)?;
        Ok(Self {
            fields,
            properties,
            id: headers.take("id").filter(|id| !id.is_empty()),
            status: headers.take("status"),
            owner: nullable(&mut headers, "owner"),
            deleted,
            store: headers.take("store"),
            location: headers.take("location"),
            copy_from: headers.copy_from.take(),
            purge_properties: headers.purge.as_deref().is_none_or(is_true),
        })
    }

    /// Refuses what is larger than `cap` before any of it is read. `coming` is the declared length
    /// of the body.
    pub(super) fn declared_size(&self, coming: Option<u64>) -> Option<u64> {
        let declared = self
            .fields
            .size
            .flatten()
            .and_then(|size| u64::try_from(size).ok());
        coming.or(declared)
    }
}

fn nullable(headers: &mut MetaHeaders, field: &str) -> Option<Option<String>> {
    headers
        .take(field)
        .map(|text| Some(text).filter(|text| !text.is_empty()))
}

fn integer(headers: &mut MetaHeaders, field: &str) -> Result<Option<i64>, Fault> {
    headers
        .take(field)
        .map(|text| number(field, &text))
        .transpose()
}

/// Glance answers 500 to an empty value; here it is no integer.
fn number(field: &str, text: &str) -> Result<i64, Fault> {
    let wrong = |extra: &str| {
        let text = format!("Invalid value '{text}' for parameter '{field}': {extra}");
        Err(Fault::explained(400, text))
    };
    match text.trim().parse() {
        Ok(number) if number >= 0 => Ok(number),
        Ok(_) => wrong("Cannot be a negative value."),
        Err(_) => wrong(&format!(
            "Cannot convert image {field} '{text}' to an integer."
        )),
    }
}

/// The only number that can be taken back: by the word `None`.
fn virtual_size(headers: &mut MetaHeaders) -> Result<Option<Option<i64>>, Fault> {
    match headers.take("virtual_size") {
        Some(text) if text == "None" => Ok(Some(None)),
        Some(text) => number("virtual_size", &text).map(|size| Some(Some(size))),
        None => Ok(None),
    }
}

fn boolean(headers: &mut MetaHeaders, field: &str) -> Option<bool> {
    headers.take(field).map(|text| is_true(&text))
}

/// What oslo takes for true. Everything else is false.
fn is_true(text: &str) -> bool {
    let text = text.trim();
    ["t", "true", "on", "y", "yes", "1"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

fn time(headers: &mut MetaHeaders, field: &str) -> Result<Option<Timestamp>, Fault> {
    match headers.take(field).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match times::parse(&text) {
            Some(time) => Ok(Some(time)),
            None => Err(Fault::explained(
                400,
                format!("Invalid time format for {field}."),
            )),
        },
    }
}

fn check_lengths(fields: &ImageFields) -> Result<(), Fault> {
    let text = |field: &Option<Option<String>>| field.clone().flatten().unwrap_or_default();
    let (name, checksum) = (text(&fields.name), text(&fields.checksum));
    if name.len() > LONGEST_NAME {
        return Err(Fault::explained(
            400,
            format!("Image name too long: {}", name.len()),
        ));
    }
    if checksum.len() > LONGEST_CHECKSUM {
        let text = format!("Invalid checksum '{checksum}': can't exceed 32 characters");
        return Err(Fault::explained(400, text));
    }
    Ok(())
}

/// Glance leaves this to its database, which answers 500 or cuts the name.
fn check_names(properties: &Properties) -> Result<(), Fault> {
    match properties.keys().map(String::len).max() {
        Some(length) if length > LONGEST_NAME => Err(Fault::explained(
            400,
            format!("Property name too long: {length}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Result<ImageMeta, Fault> {
        let formats = Formats {
            disk: ["raw", "ami"].map(String::from).to_vec(),
            container: ["bare", "ami"].map(String::from).to_vec(),
        };
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        ImageMeta::read(MetaHeaders::gather(headers)?, &formats)
    }

    fn refusal(name: &str, value: &str) -> String {
        read(&[(name, value)]).unwrap_err().explanation.unwrap()
    }

    #[test]
    fn refuses_what_is_no_integer_in_glances_words() {
        assert_eq!(
            refusal("x-image-meta-size", "abc"),
            "Invalid value 'abc' for parameter 'size': Cannot convert image size 'abc' to an integer."
        );
        assert_eq!(
            refusal("x-image-meta-min-ram", "-1"),
            "Invalid value '-1' for parameter 'min_ram': Cannot be a negative value."
        );
        for text in ["", "1.5", "None", "0x10", "99999999999999999999"] {
            assert!(read(&[("x-image-meta-size", text)]).is_err(), "{text}");
        }
        let meta = read(&[
            ("x-image-meta-size", "+5"),
            ("x-image-meta-virtual-size", "None"),
        ]);
        let fields = meta.unwrap().fields;
        assert_eq!(
            (fields.size, fields.virtual_size),
            (Some(Some(5)), Some(None))
        );
    }

    #[test]
    fn takes_garbage_for_false() {
        for (text, expected) in [("YES", true), (" t ", true), ("", false), ("2", false)] {
            let fields = read(&[("x-image-meta-is_public", text)]).unwrap().fields;
            assert_eq!(fields.is_public, Some(expected), "{text}");
        }
    }

    #[test]
    fn empty_texts_are_null() {
        let meta = read(&[
            ("x-image-meta-name", ""),
            ("x-image-meta-checksum", ""),
            ("x-image-meta-owner", ""),
            ("x-image-meta-property-a", ""),
        ])
        .unwrap();
        assert_eq!(
            (meta.fields.name, meta.fields.checksum),
            (Some(None), Some(None))
        );
        assert_eq!((meta.owner, &meta.properties["a"]), (Some(None), &None));
    }

    #[test]
    fn bounds_names_by_their_bytes() {
        assert!(read(&[("x-image-meta-name", &"n".repeat(255))]).is_ok());
        assert_eq!(
            refusal("x-image-meta-name", &"ж".repeat(128)),
            "Image name too long: 256"
        );
        let name = format!("x-image-meta-property-{}", "k".repeat(256));
        assert_eq!(refusal(&name, "v"), "Property name too long: 256");
    }

    #[test]
    fn completes_and_checks_formats() {
        let fields = read(&[("x-image-meta-disk-format", "ami")]).unwrap().fields;
        assert_eq!(fields.container_format, Some(Some("ami".to_owned())));
        assert_eq!(
            refusal("x-image-meta-disk-format", ""),
            "Invalid disk format 'None' for image."
        );
    }

    #[test]
    fn purges_unless_told_otherwise() {
        assert!(read(&[]).unwrap().purge_properties);
        for (text, expected) in [("true", true), ("false", false), ("", false), ("?", false)] {
            let meta = read(&[("X-Glance-Registry-Purge-Props", text)]).unwrap();
            assert_eq!(meta.purge_properties, expected, "{text}");
        }
    }
}
