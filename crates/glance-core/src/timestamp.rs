//! Points in time as Glance writes them: UTC, to the microsecond, without a zone letter.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::Text;

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

    /// Reads `YYYY-MM-DDTHH:MM:SS[.ffffff]`, with a blank in place of the `T` too. No leap second is a
    /// time, as in Python.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(time) = usual(text.as_bytes()) {
            return Some(Self(time));
        }
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .ok()
            .filter(|time| time.nanosecond() < 1_000_000_000)
            .map(Self::from_naive)
    }

    /// Its usual form, which years beyond 9999 and leap seconds lack. It is written without a pattern,
    /// as it is read: a list has fifty.
    fn digits(self) -> Option<[u8; 26]> {
        let (day, time) = (self.0.date(), self.0.time());
        let mut text = *b"0000-00-00T00:00:00.000000";
        let mut put = |end: usize, number: u32| {
            let mut rest = number;
            for digit in text[..end]
                .iter_mut()
                .rev()
                .take_while(|byte| byte.is_ascii_digit())
            {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            (rest == 0).then_some(())
        };
        put(4, u32::try_from(day.year()).ok()?)?;
        put(7, day.month())?;
        put(10, day.day())?;
        put(13, time.hour())?;
        put(16, time.minute())?;
        put(19, time.second())?;
        put(26, time.nanosecond() / 1000)?;
        Some(text)
    }
}

/// The form that the services tell each other, read many times faster than by a pattern.
fn usual(text: &[u8]) -> Option<NaiveDateTime> {
    if text.len() != 26 || [text[4], text[7], text[10], text[13], text[16], text[19]] != *b"--T::."
    {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number: u32, digit| {
            let value = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
            Some(number * 10 + value)
        })
    };
    let year = number(&text[..4])?.try_into().ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(&text[5..7])?, number(&text[8..10])?)?;
    let (hour, minute) = (number(&text[11..13])?, number(&text[14..16])?);
    day.and_hms_micro_opt(hour, minute, number(&text[17..19])?, number(&text[20..])?)
}

impl fmt::Display for Timestamp {
    /// `YYYY-MM-DDTHH:MM:SS.ffffff`, always six digits: Glance v1's form in JSON and headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        match digits.as_ref().map(|digits| str::from_utf8(digits)) {
            Some(Ok(text)) => f.write_str(text),
            _ => write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.6f")),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Self::parse(text.as_ref()).ok_or_else(|| serde::de::Error::custom("not a timestamp"))
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

    #[test]
    fn the_usual_form_is_read_and_written_as_patterns_do() {
        for text in [
            "2026-11-21T23:07:20.000001",
            "0001-01-01T00:00:00.999999",
            "9999-12-31T23:59:59.120000",
            "2024-02-29T12:00:00.000000",
        ] {
            let pattern = "%Y-%m-%dT%H:%M:%S%.6f";
            let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").unwrap();
            assert_eq!(Timestamp::parse(text), Some(Timestamp(read)));
            assert_eq!(Timestamp(read).to_string(), text);
            assert_eq!(read.format(pattern).to_string(), text);
        }
        for wrong in [
            "2023-02-29T12:00:00.000000",
            "2026-11-21T24:00:00.000000",
            "2026-11-21T23:07:20.00000x",
            "2026-11-21T23:07:20,000000",
            "+026-11-21T23:07:20.000000",
        ] {
            let pattern = "%Y-%m-%dT%H:%M:%S%.f";
            let read = NaiveDateTime::parse_from_str(wrong, pattern).ok();
            assert_eq!(Timestamp::parse(wrong), read.map(Timestamp), "{wrong}");
        }
    }
}
