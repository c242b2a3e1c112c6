//! Points in time as Glance writes them: UTC, to the microsecond, without a zone letter.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, UTC, with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NaiveDateTime);

impl Timestamp {
    /// The present moment.
    pub fn now() -> Self {
        Self::from_naive(Utc::now().naive_utc())
    }

    /// A timestamp from a UTC date and time; what is finer than a microsecond is cut off.
    pub fn from_naive(value: NaiveDateTime) -> Self {
        Self(value.trunc_subsecs(6))
    }

    /// The UTC date and time.
    pub fn naive(self) -> NaiveDateTime {
        self.0
    }

    /// The same moment with its zone.
    pub fn utc(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.ffffff]`, with a blank in place of the `T` too.
    pub fn parse(text: &str) -> Option<Self> {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .ok()
            .map(Self::from_naive)
    }
}

impl fmt::Display for Timestamp {
    /// `YYYY-MM-DDTHH:MM:SS.ffffff`, always six digits: Glance v1's form in JSON and headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.6f"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_six_digits_even_for_whole_seconds() {
        let time = Timestamp::parse("2010-02-03 09:34:01").unwrap();
        assert_eq!(time.to_string(), "2010-02-03T09:34:01.000000");
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
}
