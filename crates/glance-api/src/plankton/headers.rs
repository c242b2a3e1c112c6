//! The `X-Image-Meta-*` headers of a request, gathered, decoded and spelled alike.
//!
//! Names have any case and `-` or `_` between their words. What comes repeatedly is joined with
//! commas in the order of its arrival, as the servers do that Synnefo runs behind.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use super::fault::{Fault, UNDECODABLE};
use super::level::Level;

const META: &str = "x-image-meta-";
const PROPERTY: &str = "property-";

/// What may come after `x-image-meta-`, besides properties.
const FIELDS: [&str; 16] = [
    "name",
    "disk-format",
    "container-format",
    "size",
    "checksum",
    "location",
    "created-at",
    "updated-at",
    "deleted-at",
    "status",
    "is-public",
    "owner",
    "id",
    "is-snapshot",
    "description",
    "store",
];

/// The headers by what they are about.
#[derive(Debug, Default)]
pub(super) struct MetaHeaders {
    fields: BTreeMap<&'static str, String>,
    /// Properties by their names, decoded.
    pub(super) properties: BTreeMap<String, String>,
}

impl MetaHeaders {
    /// Gathers what is about an image among all headers of a request, whose values are trimmed.
    pub(super) fn gather<'a>(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        level: Level,
    ) -> Result<Self, Fault> {
        let mut joined: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in headers {
            if !matches!(name.as_bytes().first(), Some(b'x' | b'X')) {
                continue;
            }
            let name = name.to_ascii_lowercase().replace('_', "-");
            let Some(name) = name.strip_prefix(META) else {
                continue;
            };
            match joined.iter_mut().find(|(known, _)| known == name) {
                Some((_, before)) => {
                    before.push(b',');
                    before.extend_from_slice(value);
                }
                None => joined.push((name.to_owned(), value.to_vec())),
            }
        }
        let mut gathered = Self::default();
        for (name, value) in joined {
            gathered.sort_in(&name, &value, level)?;
        }
        Ok(gathered)
    }

    fn sort_in(&mut self, name: &str, value: &[u8], level: Level) -> Result<(), Fault> {
        if let Some(property) = name.strip_prefix(PROPERTY) {
            let value = unquoted(value)?;
            self.properties.insert(property_name(property)?, value);
            return Ok(());
        }
        let Some(field) = FIELDS.into_iter().find(|known| *known == name) else {
            return match level.refuses_unknown_headers() {
                true => Err(Fault::bad_request(format!("Bad header: {META}{name}"))),
                false => Ok(()),
            };
        };
        let value = match field {
            "name" => unquoted(value)?,
            // A location is decoded part by part; the others are taken as they are.
            _ => decoded(value)?,
        };
        self.fields.insert(field, value);
        Ok(())
    }

    /// Whether the request has one of these fields.
    pub(super) fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.fields.contains_key(field))
    }

    /// The text of a field, perhaps empty, if the request has it.
    pub(super) fn take(&mut self, field: &str) -> Option<String> {
        self.fields.remove(field)
    }
}

/// In lower case, and punctuation is an underscore (the guide, "Image Metadata Format").
fn property_name(header: &str) -> Result<String, Fault> {
    let plain = |c: char| if c.is_ascii_punctuation() { '_' } else { c };
    let name = unquoted(header.as_bytes())?;
    Ok(name.to_lowercase().chars().map(plain).collect())
}

/// What was percent-quoted; an escape that is none stays as it is.
fn unquoted(text: &[u8]) -> Result<String, Fault> {
    let text = percent_decode(text).decode_utf8();
    let text = text.map_err(|_| Fault::bad_request(UNDECODABLE))?;
    Ok(text.into_owned())
}

fn decoded(text: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::bad_request(UNDECODABLE))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(headers: &[(&str, &str)]) -> Result<MetaHeaders, Fault> {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        MetaHeaders::gather(headers, Level::Synnefo)
    }

    #[test]
    fn spells_names_alike_and_joins_what_is_repeated() {
        let mut found = gather(&[
            ("X-Image-Meta-Name", "first"),
            ("x_image_meta_name", "second"),
            ("X-Image-Meta-Disk_format", "extdump"),
            ("X-Image-Meta-Property-a-b", "dash"),
            ("X-Image-Meta-Property-A_B", "underscore"),
            ("X-Image-Meta-Foo", "dropped"),
            ("X-Image-Meta-Property", "no name"),
            ("X-Image-Meta-Property-", "the empty name"),
            ("X-Auth-Token", "t"),
        ])
        .unwrap();
        assert_eq!(found.take("name").as_deref(), Some("first,second"));
        assert_eq!(found.take("disk-format").as_deref(), Some("extdump"));
        assert_eq!(found.properties["a_b"], "dash,underscore");
        assert_eq!(found.properties[""], "the empty name");
        assert_eq!(found.properties.len(), 2);
        assert!(found.fields.is_empty());
    }

    #[test]
    fn decodes_names_properties_and_nothing_else() {
        let mut found = gather(&[
            ("X-Image-Meta-Name", "caf%C3%A9 %zz 100% a+b"),
            ("X-Image-Meta-Status", "%41"),
            ("X-Image-Meta-Property-caf%C3%89", "a%20b%2Cc κόσμος"),
            ("X-Image-Meta-Property-Dots.And~Dots", "x"),
        ])
        .unwrap();
        assert_eq!(found.take("name").as_deref(), Some("café %zz 100% a+b"));
        assert_eq!(found.take("status").as_deref(), Some("%41"));
        assert_eq!(found.properties["café"], "a b,c κόσμος");
        assert_eq!(found.properties["dots_and_dots"], "x");
    }

    #[test]
    fn refuses_what_is_no_text() {
        for (name, value) in [
            ("X-Image-Meta-Name", "caf%E9"),
            ("X-Image-Meta-Property-x", "%FF"),
            ("X-Image-Meta-Property-%FF", "x"),
        ] {
            assert!(gather(&[(name, value)]).is_err(), "{name}: {value}");
        }
        let raw = [("X-Image-Meta-Status", b"caf\xe9".as_slice())];
        assert!(MetaHeaders::gather(raw.into_iter(), Level::Synnefo).is_err());
    }

    #[test]
    fn the_guide_knows_no_other_headers() {
        let unknown = [("X-Image-Meta-Foo", b"x".as_slice())];
        assert!(MetaHeaders::gather(unknown.into_iter(), Level::Guide).is_err());
    }
}
