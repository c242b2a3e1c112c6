//! The query of a list.

use std::str::FromStr;

use super::fault::{Fault, UNDECODABLE};
use crate::query_string::{decode, pairs};
use crate::service::plankton::RegisteredQuery;

/// Filters and order. Of a repeated parameter the last value counts; unknown ones are ignored, and
/// there are no pages, as in Synnefo.
pub(super) fn read(query: &str) -> Result<RegisteredQuery, Fault> {
    let mut wanted = RegisteredQuery::default();
    let (mut size_min, mut size_max) = (None, None);
    let (mut sort_key, mut sort_dir) = (None, None);
    for (name, value) in pairs(query) {
        let text = |encoded| match decode(encoded) {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(Fault::bad_request(UNDECODABLE)),
        };
        match name {
            "name" => wanted.names = names(text(value)?),
            "disk_format" => wanted.disk_format = Some(text(value)?),
            "container_format" => wanted.container_format = Some(text(value)?),
            "status" => wanted.status = Some(text(value)?),
            "size_min" => size_min = Some(text(value)?),
            "size_max" => size_max = Some(text(value)?),
            "sort_key" => sort_key = Some(text(value)?),
            "sort_dir" => sort_dir = Some(text(value)?),
            _ => {}
        }
    }
    if let Some(key) = sort_key {
        wanted.sort_key = word(&key, "Invalid 'sort_key'")?;
    }
    if let Some(direction) = sort_dir {
        wanted.direction = word(&direction, "Invalid 'sort_dir'")?;
    }
    wanted.size_min = size_min.as_deref().map(number).transpose()?;
    wanted.size_max = size_max.as_deref().map(number).transpose()?;
    Ok(wanted)
}

/// kamaki quotes what it filters by twice, and no Synnefo server ever noticed.
fn names(name: String) -> Vec<String> {
    match decode(&name.replace('+', "%2B")) {
        Ok(again) if again != name => vec![again.into_owned(), name],
        _ => vec![name],
    }
}

fn word<T: FromStr>(text: &str, otherwise: &'static str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::bad_request(otherwise))
}

/// What Python's `int` reads; beyond 64 bits the nearest number that there is.
fn number(text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::bad_request("Malformed request."));
    }
    let nearest = match text.starts_with('-') {
        true => i64::MIN,
        false => i64::MAX,
    };
    Ok(text.parse().unwrap_or(nearest))
}

#[cfg(test)]
mod tests {
    use glance_core::query::{SortDirection, SortKey};

    use super::*;

    #[test]
    fn reads_filters_and_order() {
        let query = "name=a&name=beta+image&disk_format=diskdump&status=available&size_min=%207%20\
                     &size_max=-5&sort_key=size&sort_dir=asc&limit=1&X-Auth-Token=t";
        let wanted = read(query).unwrap();
        assert_eq!(wanted.names, ["beta image"]);
        assert_eq!(wanted.disk_format.as_deref(), Some("diskdump"));
        assert_eq!(wanted.status.as_deref(), Some("available"));
        assert_eq!((wanted.size_min, wanted.size_max), (Some(7), Some(-5)));
        assert_eq!(wanted.sort_key, SortKey::Size);
        assert_eq!(wanted.direction, SortDirection::Ascending);
        let latest = read("").unwrap();
        assert_eq!(latest.sort_key, SortKey::CreatedAt);
        assert_eq!(latest.direction, SortDirection::Descending);
    }

    #[test]
    fn understands_names_that_are_quoted_twice() {
        assert_eq!(read("name=a%2520b").unwrap().names, ["a b", "a%20b"]);
        assert_eq!(read("name=a%2Bb").unwrap().names, ["a+b"]);
        assert_eq!(read("name=100%25").unwrap().names, ["100%"]);
    }

    #[test]
    fn numbers_may_be_of_any_size() {
        assert_eq!(number("99999999999999999999").unwrap(), i64::MAX);
        assert_eq!(number("+7").unwrap(), 7);
        for query in [
            "size_min=abc",
            "size_max=",
            "size_min=1.5",
            "sort_key=",
            "sort_key=owner",
            "sort_key=NAME",
            "sort_dir=up",
            "sort_dir=ASC",
            "sort_dir=",
            "name=%ff",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
