//! The parameters of a query.

use std::borrow::Cow;
use std::str::Utf8Error;

use percent_encoding::percent_decode_str;

/// The query's parameters as they came, still encoded. Python 2 takes `;` for `&`.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split(['&', ';'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The text that a name or a value stands for.
pub(crate) fn decode(encoded: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if !encoded.contains(['%', '+']) {
        return Ok(Cow::Borrowed(encoded));
    }
    let spaced = encoded.replace('+', " ");
    Ok(Cow::Owned(
        percent_decode_str(&spaced).decode_utf8()?.into_owned(),
    ))
}
