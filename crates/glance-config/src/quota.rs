//! Limits as Glance writes them: counts where -1 is "no limit", and sizes with units.

use std::fmt;
use std::time::Duration;

use crate::value::OptionValue;

/// How many of something one image may have; negative means no limit, as in Glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota(Option<u64>);

impl Quota {
    /// The limit, or none. 0 allows nothing.
    pub fn limit(self) -> Option<u64> {
        self.0
    }

    /// A limit of `count`.
    pub fn of(count: u64) -> Self {
        Self(Some(count))
    }
}

impl OptionValue for Quota {
    const ACCEPTS: &'static str = "an integer; negative for no limit";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let count: i64 = text.parse().map_err(|_| None)?;
        Ok(Self(u64::try_from(count).ok()))
    }

    fn shown(&self) -> Vec<String> {
        vec![
            self.0
                .map_or_else(|| "-1".to_owned(), |count| count.to_string()),
        ]
    }
}

/// How many bytes one tenant's images may take together; 0 means no limit, as in Glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageQuota(u64);

/// Glance's units are powers of 1024, in spite of their names.
const UNITS: [(&str, u32); 5] = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];

impl StorageQuota {
    /// The limit in bytes, or none.
    pub fn limit(self) -> Option<u64> {
        (self.0 > 0).then_some(self.0)
    }

    /// A limit of `bytes`; 0 is none.
    pub fn of(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for StorageQuota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl OptionValue for StorageQuota {
    const ACCEPTS: &'static str =
        "an integer with an optional unit B, KB, MB, GB or TB (powers of 1024); 0 for no limit";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let (number, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, *shift)))
            .unwrap_or((text, 0));
        let number: u64 = number.trim_end().parse().map_err(|_| None)?;
        number
            .checked_mul(1 << shift)
            .map(Self)
            .ok_or_else(|| Some("more than 64 bits can count".to_owned()))
    }

    fn shown(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

/// How long to wait for something; 0 means without limit, as in Glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(Duration);

impl Patience {
    /// The limit, or none.
    pub fn limit(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }

    /// A limit of `time`; zero is none.
    pub fn of(time: Duration) -> Self {
        Self(time)
    }
}

impl OptionValue for Patience {
    const ACCEPTS: &'static str = "a number of seconds; 0 for no limit";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Duration::parse(text).map(Self)
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_counts_are_no_limit() {
        assert_eq!(Quota::parse("-1").unwrap().limit(), None);
        assert_eq!(Quota::parse("0").unwrap().limit(), Some(0));
        assert!(Quota::parse("many").is_err());
    }

    #[test]
    fn sizes_take_glances_units() {
        let bytes = |text| StorageQuota::parse(text).map(StorageQuota::limit).ok();
        assert_eq!(bytes("0"), Some(None));
        assert_eq!(bytes("10"), Some(Some(10)));
        assert_eq!(bytes("10B"), Some(Some(10)));
        assert_eq!(bytes("2KB"), Some(Some(2048)));
        assert_eq!(bytes("3 TB"), Some(Some(3 << 40)));
        assert_eq!(bytes("16777216TB"), None);
        assert_eq!(bytes("-1"), None);
        assert_eq!(bytes("1PB"), None);
    }

    #[test]
    fn no_seconds_is_no_limit() {
        assert_eq!(Patience::parse("0").unwrap().limit(), None);
        assert_eq!(
            Patience::parse("7").unwrap().limit(),
            Some(Duration::from_secs(7))
        );
    }
}
