//! What a request sets of an image: loose JSON in, typed values out.
//!
//! Glance's registry hands most values to its database as they come, which then fails with 500. Here
//! everything that the tables cannot hold is refused by name.

use glance_core::image::{ImageStatus, Properties, Visibility};
use glance_core::location::{LocationData, LocationUrl};
use glance_core::timestamp::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::db::{SqlTime, Values};

/// The most that `min_disk` and `min_ram` can be: the column has 32 bits.
const MOST: i64 = i32::MAX as i64;

/// A value that cannot be stored. Where Glance has a text for it, it is that text.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FieldError {
    #[error("Image status is required.")]
    NoStatus,
    #[error("Invalid image status '{0}' for image.")]
    Status(String),
    #[error("'{0}' value out of range, must not exceed {MOST}.")]
    TooLarge(&'static str),
    // The slip is Glance's.
    #[error("Specifying both 'visibility' and 'is_public' is not permiitted.")]
    Visibilities,
    #[error("Property names can't contain 4 byte unicode.")]
    FourByteName,
    #[error("{0} can't contain 4 byte unicode characters.")]
    FourByteValue(String),
    #[error("Invalid value for '{0}': {1}.")]
    Value(String, &'static str),
}

fn wrong(field: &str, expected: &'static str) -> FieldError {
    FieldError::Value(field.to_owned(), expected)
}

/// Reads everything but the id, the times and the owner's rules. Unknown members and those that a
/// client never sets (`deleted` …) are ignored, as Glance does.
pub(crate) fn parse(image: &Map<String, Value>) -> Result<Values, FieldError> {
    let is_public = image.get("is_public");
    let visibility = image.get("visibility");
    if is_public.is_some() && visibility.is_some() {
        return Err(FieldError::Visibilities);
    }
    let visibility = match (is_public, visibility) {
        (Some(public), _) if truth("is_public", public)? => Some(Visibility::Public),
        (Some(_), _) => Some(Visibility::Shared),
        (None, Some(word)) => Some(visibility_of(word)?),
        (None, None) => None,
    };
    Ok(Values {
        name: text(image, "name", 255)?,
        status: image.get("status").map(status).transpose()?,
        size: number(image, "size", i64::MAX)?,
        checksum: text(image, "checksum", 32)?,
        disk_format: text(image, "disk_format", 20)?,
        container_format: text(image, "container_format", 20)?,
        min_disk: number(image, "min_disk", MOST)?.map(Option::unwrap_or_default),
        min_ram: number(image, "min_ram", MOST)?.map(Option::unwrap_or_default),
        visibility,
        owner: text(image, "owner", 255)?,
        protected: image
            .get("protected")
            .map(|value| truth("protected", value))
            .transpose()?,
        virtual_size: number(image, "virtual_size", i64::MAX)?,
        properties: properties(image.get("properties"))?,
        locations: locations(image)?,
    })
}

/// The state of a new image: `active` unless the request says otherwise (Glance's default).
pub(crate) fn new_status(image: &Map<String, Value>) -> Result<ImageStatus, FieldError> {
    image.get("status").map_or(Ok(ImageStatus::Active), status)
}

/// A point in time that the creator may set.
pub(crate) fn time(
    image: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<SqlTime>, FieldError> {
    let expected = "must be a time as 2010-02-03T09:34:01.000000";
    match image.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let time = Timestamp::parse(text).ok_or_else(|| wrong(field, expected))?;
            Ok(Some(SqlTime::from(time)))
        }
        Some(_) => Err(wrong(field, expected)),
    }
}

fn status(value: &Value) -> Result<ImageStatus, FieldError> {
    match value {
        Value::String(word) if !word.is_empty() => {
            word.parse().map_err(|_| FieldError::Status(word.clone()))
        }
        Value::Null | Value::String(_) | Value::Bool(false) => Err(FieldError::NoStatus),
        other => Err(FieldError::Status(other.to_string())),
    }
}

fn visibility_of(value: &Value) -> Result<Visibility, FieldError> {
    let word = value.as_str().and_then(|word| word.parse().ok());
    word.ok_or_else(|| wrong("visibility", "must be public, private, shared or community"))
}

/// Python's truth of the values that clients send for one.
fn truth(field: &str, value: &Value) -> Result<bool, FieldError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Null => Ok(false),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        _ => Err(wrong(field, "must be true or false")),
    }
}

fn text(
    image: &Map<String, Value>,
    field: &'static str,
    longest: usize,
) -> Result<Option<Option<String>>, FieldError> {
    match image.get(field) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => {
            check(field, text)?;
            if text.chars().count() > longest {
                return Err(wrong(field, "the text is too long"));
            }
            Ok(Some(Some(text.clone())))
        }
        Some(_) => Err(wrong(field, "must be a text or null")),
    }
}

/// Refuses what Glance's own databases cannot hold.
fn check(field: &str, text: &str) -> Result<(), FieldError> {
    if text.contains('\0') {
        return Err(wrong(field, "must not contain the character NUL"));
    }
    if text.chars().any(|character| character.len_utf8() == 4) {
        return Err(FieldError::FourByteValue(title(field)));
    }
    Ok(())
}

/// Python's `str.title`.
fn title(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|character| {
            let first = !inside;
            inside = character.is_alphabetic();
            if first {
                character.to_ascii_uppercase()
            } else {
                character.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Numbers, and texts that are numbers, as Python's `int` reads them.
fn number(
    image: &Map<String, Value>,
    field: &'static str,
    most: i64,
) -> Result<Option<Option<i64>>, FieldError> {
    let expected = "must be a whole number, 0 or more, of at most 63 bits";
    let number = match image.get(field) {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(None)),
        Some(Value::Bool(truth)) => Some(i64::from(*truth)),
        Some(Value::Number(number)) => number
            .as_i64()
            .or_else(|| number.as_f64().and_then(truncated)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    match number {
        Some(number) if number > most => Err(FieldError::TooLarge(field)),
        Some(number) if number >= 0 => Ok(Some(Some(number))),
        _ => Err(wrong(field, expected)),
    }
}

/// A float without its fraction, where it is small enough to be exact.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncated(number: f64) -> Option<i64> {
    (number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

fn properties(value: Option<&Value>) -> Result<Properties, FieldError> {
    let expected = "must be an object of texts";
    let object = match value {
        None | Some(Value::Null) => return Ok(Properties::new()),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(wrong("properties", expected)),
    };
    let mut properties = Properties::new();
    for (name, value) in object {
        if name.chars().any(|character| character.len_utf8() == 4) {
            return Err(FieldError::FourByteName);
        }
        if name.contains('\0') || name.chars().count() > 255 {
            return Err(wrong(
                "properties",
                "a name is too long or contains the character NUL",
            ));
        }
        let value = match value {
            Value::Null => None,
            Value::String(text) => {
                check(name, text)?;
                Some(text.clone())
            }
            Value::Number(number) => Some(number.to_string()),
            // What Glance's database makes of them.
            Value::Bool(truth) => Some(u8::from(*truth).to_string()),
            Value::Array(_) | Value::Object(_) => return Err(wrong(name, "must be a text")),
        };
        properties.insert(name.clone(), value);
    }
    Ok(properties)
}

/// `location`, `locations` and `location_data` together; one URL counts once, and what
/// `location_data` says of it wins.
fn locations(image: &Map<String, Value>) -> Result<Vec<LocationData>, FieldError> {
    let expected = "must be a URL";
    let mut urls: Vec<&str> = Vec::new();
    match image.get("location") {
        None | Some(Value::Null) => {}
        Some(Value::String(url)) => urls.push(url),
        Some(_) => return Err(wrong("location", expected)),
    }
    if let Some(Value::Array(more)) = image.get("locations") {
        for url in more {
            urls.push(url.as_str().ok_or_else(|| wrong("locations", expected))?);
        }
    }
    for url in &urls {
        check("location", url)?;
    }
    let mut locations: Vec<LocationData> = urls
        .into_iter()
        .map(|url| LocationData::active(LocationUrl::new(url)))
        .collect();
    match image.get("location_data") {
        None | Some(Value::Null) => {}
        Some(Value::Array(data)) => {
            for entry in data {
                let entry = location(entry)?;
                match locations
                    .iter_mut()
                    .find(|location| location.url == entry.url)
                {
                    Some(known) => *known = entry,
                    None => locations.push(entry),
                }
            }
        }
        Some(_) => return Err(wrong("location_data", "must be a list")),
    }
    Ok(locations)
}

fn location(entry: &Value) -> Result<LocationData, FieldError> {
    let expected = "an entry needs 'url', 'metadata' and 'status'";
    let field = |name: &str| entry.get(name).and_then(Value::as_str);
    let metadata = entry.get("metadata").and_then(Value::as_object);
    let (Some(url), Some(status), Some(metadata)) = (field("url"), field("status"), metadata)
    else {
        return Err(wrong("location_data", expected));
    };
    check("location_data", url)?;
    if !matches!(status, "active" | "pending_delete" | "deleted") {
        return Err(wrong(
            "location_data",
            "status must be active, pending_delete or deleted",
        ));
    }
    let id = match entry.get("id") {
        None | Some(Value::Null) => None,
        Some(id) => Some(
            id.as_i64()
                .ok_or_else(|| wrong("location_data", "id must be a whole number"))?,
        ),
    };
    Ok(LocationData {
        id,
        url: LocationUrl::new(url),
        status: status.to_owned(),
        metadata: metadata.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(image: Value) -> String {
        parse(image.as_object().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn reads_numbers_as_python_does() {
        let image = json!({"size": "7", "min_ram": "3", "min_disk": null, "virtual_size": 9.9});
        let values = parse(image.as_object().unwrap()).unwrap();
        assert_eq!(values.size, Some(Some(7)));
        assert_eq!((values.min_ram, values.min_disk), (Some(3), Some(0)));
        assert_eq!(values.virtual_size, Some(Some(9)));
    }

    #[test]
    fn refuses_what_the_tables_cannot_hold() {
        for image in [
            json!({"size": "x"}),
            json!({"size": -1}),
            json!({"size": 1e300}),
            json!({"size": 9_223_372_036_854_775_808_u64}),
            json!({"name": 5}),
            json!({"name": "x".repeat(256)}),
            json!({"name": "a\u{0}b"}),
            json!({"checksum": "c".repeat(33)}),
            json!({"properties": {"a": {"nested": 1}}}),
            json!({"properties": []}),
            json!({"location_data": [{"url": "u"}]}),
            json!({"location_data": "u"}),
            json!({"location": 7}),
            json!({"visibility": "secret"}),
            json!({"is_public": "yes"}),
        ] {
            assert!(parse(image.as_object().unwrap()).is_err(), "{image}");
        }
    }

    #[test]
    fn uses_glances_words() {
        assert_eq!(
            refused(json!({"min_ram": 2_147_483_648_i64})),
            "'min_ram' value out of range, must not exceed 2147483647."
        );
        assert_eq!(
            refused(json!({"status": null})),
            "Image status is required."
        );
        assert_eq!(
            refused(json!({"properties": {"os_name": "\u{1f600}"}})),
            "Os_Name can't contain 4 byte unicode characters."
        );
    }
}
