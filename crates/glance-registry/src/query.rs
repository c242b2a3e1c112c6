//! The query of a list: filters, order and page, with Glance's refusals.

use std::collections::BTreeMap;

use glance_core::identity::Identity;
use glance_core::query::{PROPERTY_PREFIX, SortDirection, SortKey};
use glance_core::timestamp::Timestamp;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::app::{Settings, undecodable};
use crate::db::{self, Conn, DbError, Deleted, Filters, Page, Scope, SqlTime, TextFilter};
use crate::error::Refusal;
use crate::isotime;

/// A parsed query, but for the marker's place in the order, which the database knows.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery {
    scope: Scope,
    deleted: Deleted,
    filters: Filters,
    sort: SortKey,
    direction: SortDirection,
    marker: Option<String>,
    limit: i64,
}

impl ListQuery {
    /// The page that is meant. [`DbError::NotFound`] and [`DbError::Hidden`] are about the marker.
    pub(crate) fn page(&self, conn: &mut Conn, caller: &Identity) -> Result<Page, DbError> {
        let show_deleted = self.deleted != Deleted::No;
        let marker = match &self.marker {
            Some(id) => Some(db::position(conn, caller, id, show_deleted, self.sort)?),
            None => None,
        };
        Ok(Page {
            scope: self.scope.clone(),
            deleted: self.deleted,
            filters: self.filters.clone(),
            sort: self.sort,
            direction: self.direction,
            marker,
            limit: self.limit,
        })
    }
}

/// Reads a query. Of a parameter given twice the last one counts; unknown ones are ignored.
pub(crate) fn parse(
    query: &str,
    caller: &Identity,
    settings: Settings,
) -> Result<ListQuery, Refusal> {
    let parameters = parameters(query)?;
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let filters = filters(&parameters)?;
    let limit = limit(get("limit"), settings)?;
    let sort = get("sort_key").map_or(Ok(SortKey::CreatedAt), str::parse);
    let sort = sort.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let direction = get("sort_dir").map_or(Ok(SortDirection::Descending), str::parse);
    let direction = direction.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let marker = get("marker");
    if marker.is_some_and(|marker| !marker.is_empty() && !is_uuid_like(marker)) {
        return Err(Refusal::bad_request("Invalid marker format"));
    }
    let owner = caller.owner().map(str::to_owned);
    // Without a tenant a caller sees what is public. Glance adds every tenant's shared images, which
    // is a leak and not an interface.
    let scope = match is_public(get("is_public"), caller.is_admin)? {
        Some(true) => Scope::Tenant(owner),
        Some(false) => Scope::NotPublic(owner),
        None => Scope::Everything(owner),
    };
    let deleted = match get("deleted").filter(|_| caller.is_admin) {
        Some(word) if is_true(word) => Deleted::Yes,
        Some(_) => Deleted::No,
        None if filters.changes_since.is_some() => Deleted::Any,
        None => Deleted::No,
    };
    Ok(ListQuery {
        scope,
        deleted,
        filters,
        sort,
        direction,
        marker: marker.map(str::to_owned),
        limit,
    })
}

fn parameters(query: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8();
        decoded
            .map(|text| text.into_owned())
            .map_err(|_| undecodable())
    };
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.insert(decode(name)?, decode(value)?);
    }
    Ok(parameters)
}

fn filters(parameters: &BTreeMap<String, String>) -> Result<Filters, Refusal> {
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let mut filters = Filters {
        name: get("name").map(text_filter).transpose()?,
        status: get("status").map(text_filter).transpose()?,
        container_format: get("container_format").map(text_filter).transpose()?,
        disk_format: get("disk_format").map(text_filter).transpose()?,
        size_min: get("size_min").map(range).transpose()?,
        size_max: get("size_max").map(range).transpose()?,
        ..Filters::default()
    };
    for (name, slot) in [
        ("min_ram", &mut filters.min_ram),
        ("min_disk", &mut filters.min_disk),
    ] {
        if let Some(text) = get(name) {
            *slot = text.trim().parse().ok();
            // No column equals what is no number.
            filters.impossible |= slot.is_none();
        }
    }
    if let Some(word) = get("protected") {
        let protected = boolean(word);
        let refusal = || Refusal::bad_detail("protected must be True, or False");
        filters.protected = Some(protected.ok_or_else(refusal)?);
    }
    if let Some(text) = get("changes-since") {
        let time = isotime::parse(text)
            .ok_or_else(|| Refusal::bad_detail("Unrecognized changes-since value"))?;
        filters.changes_since = Some(SqlTime::from(Timestamp::from_naive(time)));
    }
    let properties = parameters.iter().filter_map(|(name, value)| {
        Some((
            name.strip_prefix(PROPERTY_PREFIX)?.to_owned(),
            value.clone(),
        ))
    });
    filters.properties = properties.collect();
    Ok(filters)
}

fn limit(text: Option<&str>, settings: Settings) -> Result<i64, Refusal> {
    let wanted = match text {
        None => settings.usual_images,
        Some(text) => {
            let (negative, number) = integer(text)
                .ok_or_else(|| Refusal::bad_detail("limit param must be an integer"))?;
            if negative && number > 0 {
                return Err(Refusal::bad_detail("limit param must be positive"));
            }
            number
        }
    };
    Ok(i64::try_from(wanted.min(settings.most_images)).unwrap_or(i64::MAX))
}

/// Python's `int`: blanks around, a sign, digits. What has more than 64 bits is cut to them.
fn integer(text: &str) -> Option<(bool, u64)> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((text.starts_with('-'), digits.parse().unwrap_or(u64::MAX)))
}

fn range(text: &str) -> Result<i64, Refusal> {
    let refusal = || Refusal::bad_detail("Unable to filter on a range with a non-numeric value.");
    let (negative, number) = integer(text).ok_or_else(refusal)?;
    let number = i64::try_from(number)
        .map_err(|_| Refusal::bad_detail("Unable to filter on a range of more than 63 bits."))?;
    Ok(if negative { -number } else { number })
}

/// Glance's operators: `eq:` and `in:`; a text that is a time has colons of its own.
fn text_filter(text: &str) -> Result<TextFilter, Refusal> {
    let Some((operator, value)) = text.split_once(':') else {
        return Ok(TextFilter::Is(text.to_owned()));
    };
    if isotime::parse(text).is_some() {
        return Ok(TextFilter::Is(text.to_owned()));
    }
    match operator {
        "eq" => Ok(TextFilter::Is(value.to_owned())),
        "in" => list(value).map(TextFilter::In),
        other => Err(Refusal::bad_detail(format!(
            "Unable to filter by unknown operator '{other}'."
        ))),
    }
}

/// The items of a list, separated by commas; an item with commas stands in double quotes.
fn list(text: &str) -> Result<Vec<String>, Refusal> {
    let wrong = |reason| Refusal::bad_detail(format!("Invalid filter value {text}. {reason}"));
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (item, after) = rest.split_once(',').unwrap_or((rest, ""));
            if item.replace("\\\"", "").contains('"') {
                return Err(wrong("There is no comma before opening quotation mark."));
            }
            items.push(item.to_owned());
            rest = after;
            continue;
        };
        let end = end_of_quote(quoted).ok_or_else(|| wrong("The quote is not closed."))?;
        items.push(quoted[..end].to_owned());
        rest = &quoted[end + 1..];
        if !rest.is_empty() {
            rest = rest
                .strip_prefix(',')
                .ok_or_else(|| wrong("There is no comma after closing quotation mark."))?;
        }
        if items.len() > 1000 {
            break;
        }
    }
    if items.len() > 1000 {
        return Err(wrong("There are more than 1000 values."));
    }
    Ok(items)
}

fn end_of_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|at| bytes[*at] == b'"' && (*at == 0 || bytes[*at - 1] != b'\\'))
}

/// Whose images: `Some(true)` the caller's view, `Some(false)` what is not public, `None` all. Only
/// administrators have the choice.
fn is_public(word: Option<&str>, is_admin: bool) -> Result<Option<bool>, Refusal> {
    let Some(word) = word.filter(|_| is_admin) else {
        return Ok(Some(true));
    };
    if word.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let refusal = || Refusal::bad_detail("is_public must be None, True, or False");
    boolean(word).map(Some).ok_or_else(refusal)
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// oslo's `bool_from_string`: everything else is false.
fn is_true(word: &str) -> bool {
    ["1", "t", "true", "on", "y", "yes"].contains(&word.trim().to_ascii_lowercase().as_str())
}

/// oslo's `is_uuid_like`, which also takes forms that no image has.
fn is_uuid_like(text: &str) -> bool {
    let plain = text.replace("urn:", "").replace("uuid:", "");
    let plain = plain.trim_matches(['{', '}']).replace('-', "");
    plain.len() == 32 && Uuid::try_parse(&plain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            most_images: 1000,
            usual_images: 25,
            request_id_length: 64,
        }
    }

    fn parsed(query: &str) -> Result<ListQuery, Refusal> {
        parse(
            query,
            &Identity {
                is_admin: true,
                ..Identity::default()
            },
            settings(),
        )
    }

    #[test]
    fn cuts_limits_and_refuses_negative_ones() {
        let limit = |query| parsed(query).map(|list| list.limit).ok();
        assert_eq!(limit(""), Some(25));
        assert_eq!(limit("limit=%20%2B7"), Some(7));
        assert_eq!(limit("limit=99999999999999999999999"), Some(1000));
        assert_eq!(limit("limit=-1"), None);
        assert_eq!(limit("limit="), None);
    }

    #[test]
    fn splits_lists_with_quotes() {
        assert_eq!(
            list(r#"a,"b,c",d"#),
            Ok(vec!["a".into(), "b,c".into(), "d".into()])
        );
        assert!(list(r#""a"#).is_err());
        assert!(list(r#""a"b"#).is_err());
        assert!(list(r#"a"b""#).is_err());
    }

    #[test]
    fn refuses_unknown_operators_but_not_times() {
        assert!(parsed("name=a:b").is_err());
        let time = parsed("name=2001-02-03T04:05:06").unwrap();
        assert_eq!(
            time.filters.name,
            Some(TextFilter::Is("2001-02-03T04:05:06".into()))
        );
    }

    #[test]
    fn survives_any_bytes() {
        for query in [
            "%00",
            "name=%ff",
            "limit=%",
            "&&==&",
            "marker=%F0%9F%98%80",
            "size_min=1e9",
            "property-=",
            "property-%00=x",
            "in:in:",
            "name=in:",
            "changes-since=9999-12-31T23:59:59-23:00",
        ] {
            let _ = parsed(query);
        }
    }
}
