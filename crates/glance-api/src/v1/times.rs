//! Times as clients write them: what the iso8601 library of Glance reads.

use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeDelta};
use glance_core::timestamp::Timestamp;

/// No year before this one: Python 2 cannot write it.
const FIRST_YEAR: i32 = 1900;

/// A date, or a date and a time behind `T` or a blank, in the basic or the extended form, with a
/// fraction and an offset where wanted; UTC where none is given.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = Digits(text);
    let year = rest.number(4)?;
    let extended = rest.skip("-");
    let month = rest.number(2)?;
    if extended && !rest.skip("-") {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, rest.number(2)?)?;
    let (mut time, mut offset) = (NaiveTime::MIN, 0);
    if !rest.0.is_empty() {
        if !rest.skip("T") && !rest.skip(" ") {
            return None;
        }
        time = rest.time()?;
        offset = rest.offset()?;
    }
    if !rest.0.is_empty() || year < FIRST_YEAR.unsigned_abs() {
        return None;
    }
    let utc = date
        .and_time(time)
        .checked_sub_offset(FixedOffset::east_opt(offset)?)?;
    Some(Timestamp::from_naive(utc))
}

/// As HTTP writes a date, to the second: `Tue, 15 Nov 1994 08:12:31 GMT`.
pub(super) fn http_date(time: Timestamp) -> String {
    time.naive().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// What is left of the text.
struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn skip(&mut self, prefix: &str) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        number.parse().ok()
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.number(2)?;
        let minute = self.next_number().unwrap_or(0);
        let second = self.next_number().unwrap_or(0);
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        if !self.skip(".") && !self.skip(",") {
            return Some(time);
        }
        let end = self
            .0
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.0.len());
        let (fraction, rest) = self.0.split_at(end);
        self.0 = rest;
        if fraction.is_empty() {
            return None;
        }
        let micros = format!("{fraction:0<6.6}").parse().ok()?;
        Some(
            time.overflowing_add_signed(TimeDelta::microseconds(micros))
                .0,
        )
    }

    /// The next part of a time, with or without a colon before it.
    fn next_number(&mut self) -> Option<u32> {
        let before = self.0;
        self.skip(":");
        let number = self.number(2);
        if number.is_none() {
            self.0 = before;
        }
        number
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Option<i32> {
        if self.0.is_empty() || self.skip("Z") {
            return Some(0);
        }
        let sign = if self.skip("-") {
            -1
        } else if self.skip("+") {
            1
        } else {
            return None;
        };
        let hours = i32::try_from(self.number(2)?).ok()?;
        let minutes = i32::try_from(self.next_number().unwrap_or(0)).ok()?;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).map(|time| time.to_string())
    }

    #[test]
    fn reads_the_forms_of_iso_8601() {
        for (text, expected) in [
            ("2012-01-31", "2012-01-31T00:00:00.000000"),
            ("20120131", "2012-01-31T00:00:00.000000"),
            ("2012-01-31T10:20:30", "2012-01-31T10:20:30.000000"),
            ("2012-01-31 10:20", "2012-01-31T10:20:00.000000"),
            ("20120131T102030Z", "2012-01-31T10:20:30.000000"),
            (
                "2012-01-31T10:20:30.123456789Z",
                "2012-01-31T10:20:30.123456",
            ),
            ("2012-01-31T10:20:30,5+02:00", "2012-01-31T08:20:30.500000"),
            ("2012-01-31T23:00:00-0130", "2012-02-01T00:30:00.000000"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "now",
            "2012",
            "2012-13-01",
            "2012-02-30",
            "2012-01-31T",
            "2012-01-31T25:00:00",
            "2012-01-31T10:20:30X",
            "2012-01-31T10:20:30.",
            "1899-12-31",
            "2012-01-31T10:20:30+99",
            "жжжж-01-01",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
