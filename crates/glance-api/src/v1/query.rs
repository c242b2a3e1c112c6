//! The query of a list: what of it is checked here, and what is passed on to the registry.

use glance_core::fault::Fault;
use glance_core::query::{FILTERS, PAGE, PROPERTY_PREFIX};

use super::fault::UNDECODABLE;
use crate::query_string::{decode, pairs};

/// Filters and page as the registry takes them. Of a repeated parameter the last value counts;
/// unknown ones are ignored, as in Glance.
pub(super) fn read(query: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut passed_on: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs(query) {
        let (name, value) = decode(name)
            .and_then(|name| Ok((name, decode(value)?)))
            .map_err(|_| Fault::explained(400, UNDECODABLE))?;
        let name: &str = &name;
        if !(FILTERS.contains(&name) || PAGE.contains(&name) || name.starts_with(PROPERTY_PREFIX)) {
            continue;
        }
        match passed_on.iter_mut().find(|(known, _)| known == name) {
            Some((_, before)) => *before = value.into_owned(),
            None => passed_on.push((name.to_owned(), value.into_owned())),
        }
    }
    match passed_on
        .iter()
        .find(|(name, value)| !is_valid(name, value))
    {
        Some((name, value)) => Err(Fault::detailed(
            400,
            format!("Bad value passed to filter {name} got {value}"),
        )),
        None => Ok(passed_on),
    }
}

/// Glance checks these four and `is_public` itself and leaves the others to the registry.
fn is_valid(name: &str, value: &str) -> bool {
    match name {
        "size_min" | "size_max" | "min_ram" => is_count(value),
        "is_public" | "protected" => ["none", "true", "false", "1", "0"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word)),
        _ => true,
    }
}

/// What Python's `int` reads, and not negative.
fn is_count(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number && (!text.starts_with('-') || digits.bytes().all(|byte| byte == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(query: &str) -> Vec<(String, String)> {
        read(query).unwrap()
    }

    #[test]
    fn passes_on_what_the_registry_filters_by() {
        let query = "name=a+b%26&owner=x&property-Os=%D0%B6&limit=2&deleted=True&name=c&foo&=x&&";
        let expected = [("name", "c"), ("property-Os", "ж"), ("limit", "2")];
        assert_eq!(
            passed_on(query),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        assert_eq!(passed_on("name=a;limit=0").len(), 2);
        assert_eq!(passed_on("name"), [("name".to_owned(), String::new())]);
    }

    #[test]
    fn refuses_what_is_no_text() {
        for query in ["name=%FF", "name=%C3", "%FF=x", "foo=%FF"] {
            assert_eq!(
                read(query).unwrap_err(),
                Fault::explained(400, UNDECODABLE),
                "{query}"
            );
        }
    }

    #[test]
    fn checks_the_filters_that_glance_checks() {
        for query in [
            "size_min= 5 ",
            "size_max=%2B5",
            "min_ram=-0",
            "is_public=NONE",
            "min_disk=x",
        ] {
            assert!(read(query).is_ok(), "{query}");
        }
        for query in [
            "size_min=",
            "size_max=1.5",
            "min_ram=-1",
            "is_public=yes",
            "protected=",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
        assert_eq!(
            read("protected=bad").unwrap_err(),
            Fault::detailed(400, "Bad value passed to filter protected got bad")
        );
    }
}
