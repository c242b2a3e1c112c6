//! Conditional requests on image data (RFC 9110, section 13), which neither original knows.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::http::header::{
    HeaderMap, HeaderName, HttpDate, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};
use glance_core::timestamp::Timestamp;

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They hold: send the data.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// They do not hold: 412.
    Failed,
}

/// What identifies the data of an image: its checksum, and since when it has been so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validators<'a> {
    etag: Option<&'a str>,
    modified: i64,
}

impl<'a> Validators<'a> {
    /// The validators of data with this checksum, which has been as it is since `modified`.
    pub(crate) fn new(etag: Option<&'a str>, modified: Timestamp) -> Self {
        Self {
            etag,
            modified: modified.utc().timestamp(),
        }
    }

    /// Decides about a GET.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.is_among(headers, IF_MATCH, Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|date| self.modified > date) {
            return Verdict::Failed;
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.is_among(headers, IF_NONE_MATCH, Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if date(headers, IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date) {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether a range may be answered by a part: there is no `If-Range`, or it names this data.
    pub(crate) fn permit_range(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(IF_RANGE) {
            return true;
        }
        match date(headers, IF_RANGE) {
            Some(date) => date == self.modified,
            None => self.is_among(headers, IF_RANGE, Comparison::Strong),
        }
    }

    fn is_among(&self, headers: &HeaderMap, name: HeaderName, comparison: Comparison) -> bool {
        let values = headers
            .get_all(name)
            .filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| {
            let (weak, tag) = match tag.strip_prefix("W/") {
                Some(tag) => (true, tag),
                None => (false, tag),
            };
            // Glance's `Etag` has no quotes, so its clients send none back.
            let tag = tag.trim_matches('"');
            if tag == "*" {
                return true;
            }
            Some(tag) == self.etag && !(weak && comparison == Comparison::Strong)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Seconds since 1970.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<i64> {
    let date: HttpDate = headers.get(name)?.to_str().ok()?.parse().ok()?;
    let since = std::time::SystemTime::from(date).duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or(Duration::ZERO).as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const MODIFIED: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

    fn with<T>(
        headers: &[(HeaderName, &str)],
        decide: impl Fn(Validators<'_>, &HeaderMap) -> T,
    ) -> T {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let modified = Timestamp::parse("1994-11-15T08:12:31.9").unwrap();
        decide(Validators::new(Some("abc"), modified), &pairs.collect())
    }

    fn verdict(name: HeaderName, value: &str) -> Verdict {
        with(&[(name, value)], |validators, headers| {
            validators.judge(headers)
        })
    }

    #[test]
    fn sends_nothing_that_the_client_has() {
        for tag in ["abc", "\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert_eq!(verdict(IF_NONE_MATCH, tag), Verdict::NotModified, "{tag}");
        }
        assert_eq!(verdict(IF_NONE_MATCH, "\"x\""), Verdict::Send);
        assert_eq!(verdict(IF_MODIFIED_SINCE, MODIFIED), Verdict::NotModified);
        assert_eq!(
            verdict(IF_MODIFIED_SINCE, "Tue, 15 Nov 1994 08:12:30 GMT"),
            Verdict::Send
        );
        assert_eq!(verdict(IF_MODIFIED_SINCE, "yesterday"), Verdict::Send);
    }

    #[test]
    fn tags_win_over_dates() {
        let headers = [(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, MODIFIED)];
        assert_eq!(
            with(&headers, |validators, headers| validators.judge(headers)),
            Verdict::Send
        );
    }

    #[test]
    fn fails_what_expects_other_data() {
        assert_eq!(verdict(IF_MATCH, "\"abc\""), Verdict::Send);
        assert_eq!(verdict(IF_MATCH, "\"x\""), Verdict::Failed);
        assert_eq!(verdict(IF_MATCH, "W/\"abc\""), Verdict::Failed);
        let before = "Tue, 15 Nov 1994 08:12:30 GMT";
        assert_eq!(verdict(IF_UNMODIFIED_SINCE, before), Verdict::Failed);
    }

    #[test]
    fn resumes_only_the_same_data() {
        let permits = |value| {
            with(&[(IF_RANGE, value)], |validators, headers| {
                validators.permit_range(headers)
            })
        };
        assert!(permits("\"abc\"") && permits("abc") && permits(MODIFIED));
        assert!(!permits("\"x\"") && !permits("W/\"abc\""));
        assert!(!permits("Tue, 15 Nov 1994 08:12:32 GMT"));
        assert!(with(&[], |validators, headers| validators.permit_range(headers)));
    }
}
