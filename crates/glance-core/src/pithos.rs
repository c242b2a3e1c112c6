//! Where an object is in Pithos: `pithos://ACCOUNT/CONTAINER/OBJECT`, as Synnefo writes and reads it.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use crate::location::LocationUrl;

/// What locations begin with. Nothing else is understood, not even in upper case.
const SCHEME: &str = "pithos://";

/// What Synnefo leaves as it is: letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'/');

/// The same for the account and the container, in which a slash would be the next part's.
const ENCODED_PART: &AsciiSet = &ENCODED.add(b'/');

/// An object of Pithos by its names, decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PithosLocation {
    /// Whose it is.
    pub account: String,
    /// The container in the account.
    pub container: String,
    /// The path in the container; empty is a name, too.
    pub object: String,
}

/// The text is no location of an object in Pithos.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Invalid location '{0}'")]
pub struct InvalidPithosLocation(pub String);

impl PithosLocation {
    /// As the registry keeps it.
    pub fn url(&self) -> LocationUrl {
        LocationUrl::new(self.to_string())
    }
}

impl fmt::Display for PithosLocation {
    /// With its parts percent-encoded, so that it stands in a header and reads back as itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}{}/{}/{}",
            utf8_percent_encode(&self.account, ENCODED_PART),
            utf8_percent_encode(&self.container, ENCODED_PART),
            utf8_percent_encode(&self.object, ENCODED),
        )
    }
}

impl FromStr for PithosLocation {
    type Err = InvalidPithosLocation;

    /// Splits first and decodes then, so that an encoded slash belongs to its part; `?` and `#`
    /// belong to the name. What is no UTF-8 when decoded, and NUL, is refused (500 in Synnefo).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || InvalidPithosLocation(text.to_owned());
        let path = text.strip_prefix(SCHEME).ok_or_else(refused)?;
        let mut parts = path.splitn(3, '/').map(|part| {
            let decoded = percent_decode_str(part).decode_utf8().ok()?;
            (!decoded.contains('\0')).then(|| decoded.into_owned())
        });
        let mut part = || parts.next().flatten().ok_or_else(refused);
        let location = Self {
            account: part()?,
            container: part()?,
            object: part()?,
        };
        if location.account.is_empty() || location.container.is_empty() {
            return Err(refused());
        }
        Ok(location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<[String; 3]> {
        let location: PithosLocation = text.parse().ok()?;
        Some([location.account, location.container, location.object])
    }

    #[test]
    fn splits_before_it_decodes() {
        let found = parts("pithos://a/b%2Fc/d/e%2Ff?g#h %C3%A9é").unwrap();
        assert_eq!(found, ["a", "b/c", "d/e/f?g#h éé"]);
        assert_eq!(parts("pithos://a/b/").unwrap(), ["a", "b", ""]);
    }

    #[test]
    fn refuses_what_names_no_object() {
        for text in [
            "",
            "pithos://",
            "pithos://a",
            "pithos://a/b",
            "pithos:///b/c",
            "pithos://a//c",
            "PITHOS://a/b/c",
            "http://a/b/c",
            "pithos://a/b/%ff",
            "pithos://a/b/%00",
        ] {
            let refused = Err(InvalidPithosLocation(text.to_owned()));
            assert_eq!(text.parse::<PithosLocation>(), refused);
        }
    }

    #[test]
    fn writes_what_reads_back() {
        let location = PithosLocation {
            account: "a/b@c".into(),
            container: "my images".into(),
            object: "dir/é%2F?.img".into(),
        };
        let text = location.to_string();
        assert_eq!(
            text,
            "pithos://a%2Fb%40c/my%20images/dir/%C3%A9%252F%3F.img"
        );
        assert_eq!(text.parse(), Ok(location));
    }
}
