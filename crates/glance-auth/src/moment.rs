//! Moments as Keystone and Astakos write them.

use chrono::{DateTime, NaiveDateTime, Utc};

/// The moment that `text` means, UTC where it names no zone.
pub(crate) fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .or_else(|_| text.parse::<NaiveDateTime>().map(|naive| naive.and_utc()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_may_be_left_out() {
        let noon = moment("2026-01-01T12:00:00").unwrap();
        for text in [
            "2026-01-01T12:00:00.000000Z",
            "2026-01-01T12:00:00.000000+00:00",
            "2026-01-01T14:00:00+02:00",
        ] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        assert_eq!(moment("soon"), None);
    }
}
