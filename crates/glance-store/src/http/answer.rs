//! What the head of an answer says of the data.

use hyper::body::Incoming;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED,
};
use hyper::{Response, StatusCode};

use super::error::SourceError;

/// Data that is on its way.
#[derive(Debug)]
pub(super) struct Answer {
    /// The bytes.
    pub(super) body: Incoming,
    /// Where they begin within the source.
    pub(super) offset: u64,
    /// Where they end within the source, if it says so.
    pub(super) end: Option<u64>,
    /// How many the source has, if it says so.
    pub(super) total: Option<u64>,
    /// What tells this version of the source from others.
    pub(super) validator: Option<HeaderValue>,
}

/// What `Content-Range` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First byte and the one after the last; none when no part could be given.
    pub(super) part: Option<(u64, u64)>,
    /// Bytes of the whole.
    pub(super) total: Option<u64>,
}

impl Answer {
    /// Takes the answer to a request for everything from `start` on, or up to `end`; `ranged` if
    /// the request said so. A source may ignore that and send everything.
    pub(super) fn read(
        response: Response<Incoming>,
        ranged: bool,
        start: u64,
        end: Option<u64>,
    ) -> Result<Self, SourceError> {
        let headers = response.headers();
        let length = content_length(headers)?;
        let (offset, answer_end, total) = match response.status() {
            StatusCode::OK => (0, length, length),
            StatusCode::PARTIAL_CONTENT if ranged => {
                let range = content_range(headers)?;
                let Some((first, last)) = range.part else {
                    return Err(SourceError::Unusable("a part without a place"));
                };
                let expected = match (end, range.total) {
                    (Some(end), Some(total)) => Some(end.min(total)),
                    (end, total) => end.or(total),
                };
                let whole = expected.is_none_or(|expected| last == expected);
                if first != start || !whole || length.is_some_and(|bytes| bytes != last - first) {
                    return Err(SourceError::Unusable("another part than asked for"));
                }
                (first, Some(last), range.total)
            }
            StatusCode::PARTIAL_CONTENT => {
                return Err(SourceError::Unusable("a part instead of the whole"));
            }
            status => return Err(SourceError::Status(status.as_u16())),
        };
        refuse_encoded(headers)?;
        let validator = validator(headers);
        let body = response.into_body();
        Ok(Self {
            body,
            offset,
            end: answer_end,
            total,
            validator,
        })
    }
}

/// Bytes of the body, if the head says so.
pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, SourceError> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    length
        .map(Some)
        .ok_or(SourceError::Unusable("a length that is no number"))
}

/// The `Content-Range` of a part, or of a refusal to give one.
pub(super) fn content_range(headers: &HeaderMap) -> Result<ContentRange, SourceError> {
    let text = headers
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok());
    text.and_then(parse_range)
        .ok_or(SourceError::Unusable("a part without its place"))
}

fn parse_range(text: &str) -> Option<ContentRange> {
    let (part, total) = text.trim().strip_prefix("bytes ")?.trim().split_once('/')?;
    let total = if total == "*" {
        None
    } else {
        Some(total.parse().ok()?)
    };
    if part == "*" {
        return Some(ContentRange { part: None, total });
    }
    let (first, last) = part.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let end = last.checked_add(1)?;
    if first > last || total.is_some_and(|total| end > total) {
        return None;
    }
    Some(ContentRange {
        part: Some((first, end)),
        total,
    })
}

/// Bytes in another coding are not the data.
pub(super) fn refuse_encoded(headers: &HeaderMap) -> Result<(), SourceError> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(SourceError::Unusable("its data is packed")),
    }
}

/// A strong entity tag, else the time of the last change.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers
        .get(ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_places_of_parts() {
        let part = |first, end, total| ContentRange {
            part: Some((first, end)),
            total,
        };
        for (text, expected) in [
            ("bytes 0-0/30", Some(part(0, 1, Some(30)))),
            ("bytes 5-29/30", Some(part(5, 30, Some(30)))),
            ("bytes 5-29/*", Some(part(5, 30, None))),
            (
                "bytes */30",
                Some(ContentRange {
                    part: None,
                    total: Some(30),
                }),
            ),
            ("bytes 5-30/30", None),
            ("bytes 6-5/30", None),
            ("bytes 0-18446744073709551615/*", None),
            ("items 0-0/30", None),
            ("", None),
        ] {
            assert_eq!(parse_range(text), expected, "{text}");
        }
    }

    #[test]
    fn knows_versions_by_strong_tags_or_times() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            validator(&map)
        };
        assert_eq!(
            of(&[("etag", "\"a\""), ("last-modified", "x")]).unwrap(),
            "\"a\""
        );
        assert_eq!(
            of(&[("etag", "W/\"a\""), ("last-modified", "x")]).unwrap(),
            "x"
        );
        assert_eq!(of(&[("etag", "W/\"a\"")]), None);
    }
}
