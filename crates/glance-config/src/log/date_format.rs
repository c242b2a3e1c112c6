//! The form of a time in the log.

use std::fmt::{self, Write};

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Local};

use crate::value::OptionValue;

/// A strftime format that is known to be one.
#[derive(Clone, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    items: Vec<Item<'static>>,
}

impl DateFormat {
    /// Writes `time` in this form.
    pub(super) fn write(&self, time: &DateTime<Local>, out: &mut String) -> fmt::Result {
        write!(out, "{}", time.format_with_items(self.items.iter()))
    }
}

impl fmt::Debug for DateFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DateFormat({:?})", self.text)
    }
}

impl OptionValue for DateFormat {
    const ACCEPTS: &'static str = "a strftime format";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| {
            // chrono does not say where it stopped, and formatting would fail on every line.
            Some("it has a % that strftime does not know".to_owned())
        })?;
        Ok(Self {
            text: text.to_owned(),
            items,
        })
    }

    fn shown(&self) -> Vec<String> {
        vec![self.text.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_strftime_does_not_know() {
        assert!(DateFormat::parse("%Y-%m-%dT%H:%M:%S%z 100%%").is_ok());
        assert!(DateFormat::parse("%Y %Q").is_err());
        assert!(DateFormat::parse("%").is_err());
    }
}
