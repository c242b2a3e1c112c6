//! Times in a query, in the forms that Python's iso8601 module takes.

use chrono::{Duration, NaiveDate, NaiveDateTime};

/// Reads a date, a year, a date and time in basic or extended form, with fraction and offset; the
/// result is UTC. A `+` in a query is a blank when it arrives, and then no offset (as in Glance).
pub(crate) fn parse(text: &str) -> Option<NaiveDateTime> {
    let mut rest = Rest(text);
    let year = rest.digits(4, 4)?;
    let mut month = None;
    if rest.take('-') {
        month = Some(rest.digits(1, 2)?);
    } else if rest.0.len() > 2 {
        month = Some(rest.digits(2, 2)?);
    }
    let mut day = None;
    if month.is_some() && !rest.0.is_empty() {
        day = Some(if rest.take('-') {
            rest.digits(1, 2)?
        } else {
            rest.digits(2, 2)?
        });
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        month.unwrap_or(1),
        day.unwrap_or(1),
    )?;
    if rest.0.is_empty() {
        return date.and_hms_opt(0, 0, 0);
    }
    if !(rest.take('T') || rest.take(' ')) {
        return None;
    }
    let hour = rest.digits(2, 2)?;
    let (mut minute, mut second, mut micro) = (0, 0, 0);
    if rest.field() {
        minute = rest.digits(2, 2)?;
        if rest.field() {
            second = rest.digits(1, 2)?;
            if rest.take('.') || rest.take(',') {
                micro = rest.fraction()?;
            }
        }
    }
    let offset = rest.offset()?;
    date.and_hms_micro_opt(hour, minute, second, micro)?
        .checked_sub_signed(offset)
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn take(&mut self, character: char) -> bool {
        match self.0.strip_prefix(character) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Whether another two digits follow, with or without a colon before them.
    fn field(&mut self) -> bool {
        self.take(':')
            || self
                .0
                .starts_with(|character: char| character.is_ascii_digit())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits.parse().ok()
    }

    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let six: String = digits
            .chars()
            .chain(std::iter::repeat('0'))
            .take(6)
            .collect();
        if count == 0 { None } else { six.parse().ok() }
    }

    fn offset(&mut self) -> Option<Duration> {
        if self.0.is_empty() || self.0 == "Z" {
            return Some(Duration::zero());
        }
        let sign = if self.take('-') {
            -1
        } else {
            i64::from(self.take('+'))
        };
        if sign == 0 {
            return None;
        }
        let hours = self.digits(2, 2)?;
        self.take(':');
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.digits(2, 2)?
        };
        if !self.0.is_empty() {
            return None;
        }
        Some(Duration::minutes(
            sign * (i64::from(hours) * 60 + i64::from(minutes)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_of_iso_8601() {
        let read = |text| parse(text).map(|time| time.to_string());
        for (text, time) in [
            ("2001-01-01", "2001-01-01 00:00:00"),
            ("2001", "2001-01-01 00:00:00"),
            ("20010203", "2001-02-03 00:00:00"),
            ("2001-02-03T04:05:06Z", "2001-02-03 04:05:06"),
            ("20010203T040506.5", "2001-02-03 04:05:06.500"),
            (
                "2001-02-03 04:05:06.123456789",
                "2001-02-03 04:05:06.123456",
            ),
            ("2001-02-03T04:05:06+02:00", "2001-02-03 02:05:06"),
            ("2001-02-03T04:05:06-0130", "2001-02-03 05:35:06"),
            ("2001-02-03T04", "2001-02-03 04:00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(time), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "bad",
            "2001-13-01",
            "2001-02-30",
            "2001-02-03T",
            "2001-02-03T25:00:00",
            "2001-02-03T04:05:06 02:00",
            "2001-02-03T04:05:06.",
            "99999-01-01",
            "2001-02-03x",
            "é001",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
