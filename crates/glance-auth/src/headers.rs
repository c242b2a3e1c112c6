//! Reading identity headers as oslo.context does.

use actix_http::RequestHead;

/// The text of the first of `names` that the request has. Bytes that are no UTF-8 count as absent.
pub(crate) fn text<'a>(head: &'a RequestHead, names: &[&str]) -> Option<&'a str> {
    names
        .iter()
        .find_map(|name| head.headers().get(*name))
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// The same, with an empty text as none.
pub(crate) fn filled(head: &RequestHead, names: &[&str]) -> Option<String> {
    text(head, names)
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}

/// Comma-separated roles: stripped, in lower case, without empty ones.
pub(crate) fn roles(list: &str) -> Vec<String> {
    list.split(',')
        .map(|role| role.trim().to_lowercase())
        .filter(|role| !role.is_empty())
        .collect()
}
