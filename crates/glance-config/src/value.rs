//! How the text of an option becomes a typed value, and back.

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// A type that an option can have.
pub trait OptionValue: Sized {
    /// Which values are accepted, as a phrase for manuals and error messages.
    const ACCEPTS: &'static str;
    /// Whether the option may be written several times, every value counting.
    const MULTIPLE: bool = false;
    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// Reads a value. `None` means that [`OptionValue::ACCEPTS`] says all there is to say.
    ///
    /// # Errors
    ///
    /// Why the text is not acceptable, in words, never with the text itself.
    fn parse(text: &str) -> Result<Self, Option<String>>;

    /// Reads an option that was written several times; only the last counts, unless
    /// [`OptionValue::MULTIPLE`].
    ///
    /// # Errors
    ///
    /// As [`OptionValue::parse`].
    fn parse_all(texts: &[String]) -> Result<Self, Option<String>> {
        Self::parse(texts.last().map_or("", String::as_str))
    }

    /// The lines that a configuration file would have: none when unset; `***` for a secret.
    fn shown(&self) -> Vec<String>;

    /// What part of an accepted value is not honoured.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// Makes a default out of its text in the option table.
///
/// # Panics
///
/// When the table itself is wrong, which the first test to touch the section shows.
#[expect(
    clippy::expect_used,
    reason = "the text is a literal of the option table"
)]
pub(crate) fn from_default<T: OptionValue>(text: &str) -> T {
    let texts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    T::parse_all(&texts).expect("defaults in the option table are acceptable values")
}

/// An option that may be left out. An empty value leaves it out, too.
impl<T: OptionValue> OptionValue for Option<T> {
    const ACCEPTS: &'static str = T::ACCEPTS;
    const MULTIPLE: bool = T::MULTIPLE;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        // oslo's sample files write <None> for "unset", and people copy it.
        if text.is_empty() || text == "<None>" || text == "None" {
            return Ok(None);
        }
        T::parse(text).map(Some)
    }

    fn shown(&self) -> Vec<String> {
        self.as_ref().map(OptionValue::shown).unwrap_or_default()
    }

    fn remark(&self) -> Option<String> {
        self.as_ref().and_then(OptionValue::remark)
    }
}

/// Types whose `FromStr` and `Display` are what a file holds.
macro_rules! plain_value {
    ($($type:ty, $accepts:literal;)*) => {$(
        impl OptionValue for $type {
            const ACCEPTS: &'static str = $accepts;

            fn parse(text: &str) -> Result<Self, Option<String>> {
                text.parse().map_err(|_| None)
            }

            fn shown(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

plain_value! {
    String, "text";
    u16, "an integer from 0 to 65535";
    u32, "an integer from 0 to 4294967295";
    u64, "an integer, 0 or more";
    usize, "an integer, 0 or more";
    NonZeroU32, "an integer from 1 to 4294967295";
    NonZeroU64, "an integer, 1 or more";
    NonZeroUsize, "an integer, 1 or more";
}

/// An address, an IPv6 one also in brackets; `localhost` is the one name that needs no resolver.
impl OptionValue for IpAddr {
    const ACCEPTS: &'static str = "an IPv4 or IPv6 address, or localhost";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "localhost" {
            return Ok(Ipv4Addr::LOCALHOST.into());
        }
        text.trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .map_err(|_| None)
    }

    fn shown(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

/// oslo's spellings, in any case.
impl OptionValue for bool {
    const ACCEPTS: &'static str = "true or false (also 1/0, yes/no, on/off)";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

/// Whole seconds.
impl OptionValue for Duration {
    const ACCEPTS: &'static str = "a number of seconds, 0 or more";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse::<u32>()
            .map(|seconds| Self::from_secs(seconds.into()))
            .map_err(|_| None)
    }

    fn shown(&self) -> Vec<String> {
        vec![self.as_secs().to_string()]
    }
}

impl OptionValue for PathBuf {
    const ACCEPTS: &'static str = "a path";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text.contains('\0') {
            return Err(Some("a path has no NUL character".to_owned()));
        }
        Ok(Self::from(text))
    }

    fn shown(&self) -> Vec<String> {
        vec![self.display().to_string()]
    }
}

/// A list on one line, separated by commas, with blanks around the items ignored.
impl OptionValue for Vec<String> {
    const ACCEPTS: &'static str = "a list, separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        Ok(items.map(str::to_owned).collect())
    }

    fn shown(&self) -> Vec<String> {
        vec![self.join(",")]
    }
}
