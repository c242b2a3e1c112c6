//! Locations of the s3 store, as Glance wrote them.

use std::fmt;

use glance_config::Secret;
use glance_core::location::LocationUrl;
use hyper::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::error::StoreError;

/// What would be misread in credentials. Glance writes them as they are, so a `/` or a `+`, which
/// Amazon's secrets have, stays.
const MISREAD: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'@')
    .add(b':')
    .add(b'?')
    .add(b'#');

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    pub(super) https: bool,
    /// Host, port if there is one, and a path if there is one, without a slash at the end.
    pub(super) place: String,
}

/// Who we are to a server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) access: Secret,
    pub(super) secret: Secret,
}

/// An object on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct S3Location {
    pub(super) endpoint: Endpoint,
    /// None: Glance's users may have left them out.
    pub(super) keys: Option<Keys>,
    pub(super) bucket: String,
    pub(super) object: String,
}

impl Endpoint {
    /// What the operator wrote: a host, or a URL. Without a scheme it is http, as in Glance.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (https, place) = match text.split_once("://") {
            Some(("https", place)) => (true, place),
            Some(("http", place)) => (false, place),
            Some(_) => return None,
            None => (false, text),
        };
        Self::new(https, place)
    }

    fn new(https: bool, place: &str) -> Option<Self> {
        let endpoint = Self {
            https,
            place: place.trim_matches('/').to_owned(),
        };
        let uri: Uri = endpoint.url().parse().ok()?;
        let plain = uri.query().is_none() && !endpoint.place.contains(['@', '#']);
        (plain && uri.host().is_some_and(|host| !host.is_empty())).then_some(endpoint)
    }

    /// As a URL.
    pub(super) fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.place)
    }

    /// The host alone.
    pub(super) fn host(&self) -> &str {
        let authority = self.place.split('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    fn scheme(&self) -> &'static str {
        if self.https { "s3+https" } else { "s3" }
    }
}

impl Keys {
    /// `access:secret` of a location. What is literally `known` is that.
    fn parse(text: &str, known: &Self) -> Option<Self> {
        let (access, secret) = text.split_once(':')?;
        if access.is_empty() || secret.is_empty() {
            return None;
        }
        let written = Self {
            access: Secret::new(access),
            secret: Secret::new(secret),
        };
        // Glance did not encode: a % may be one.
        if written == *known {
            return Some(written);
        }
        let decoded = |text| percent_decode_str(text).decode_utf8().ok();
        Some(Self {
            access: Secret::new(decoded(access)?),
            secret: Secret::new(decoded(secret)?),
        })
    }
}

impl S3Location {
    /// Reads any form that Glance wrote. `known` are the keys that are configured.
    pub(super) fn parse(location: &LocationUrl, known: &Keys) -> Result<Self, StoreError> {
        Self::read(location.expose(), known).ok_or(StoreError::BadLocation)
    }

    fn read(text: &str, known: &Keys) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme {
            "s3" | "s3+http" => false,
            "s3+https" => true,
            _ => return None,
        };
        // Glance refuses this, too: a URL where a host should be.
        if rest.contains("://") {
            return None;
        }
        // A secret may contain slashes, so the host begins behind the last @.
        let (keys, path) = match rest.trim_matches('/').rsplit_once('@') {
            Some((keys, path)) => (Some(Keys::parse(keys, known)?), path),
            None => (None, rest.trim_matches('/')),
        };
        let (path, object) = path.rsplit_once('/')?;
        let (place, bucket) = path.rsplit_once('/')?;
        let name = |name: &str| !matches!(name, "" | "." | "..");
        if !name(bucket) || !name(object) {
            return None;
        }
        Some(Self {
            endpoint: Endpoint::new(https, place)?,
            keys,
            bucket: bucket.to_owned(),
            object: object.to_owned(),
        })
    }

    /// In Glance's form, with the keys in it.
    pub(super) fn to_url(&self) -> LocationUrl {
        let keys = self.keys.as_ref().map_or_else(String::new, |keys| {
            let encoded = |key: &Secret| utf8_percent_encode(key.reveal(), MISREAD).to_string();
            format!("{}:{}@", encoded(&keys.access), encoded(&keys.secret))
        });
        let Self {
            endpoint,
            bucket,
            object,
            ..
        } = self;
        let (scheme, place) = (endpoint.scheme(), &endpoint.place);
        LocationUrl::new(format!("{scheme}://{keys}{place}/{bucket}/{object}"))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(access: &str, secret: &str) -> Keys {
        Keys {
            access: Secret::new(access),
            secret: Secret::new(secret),
        }
    }

    fn read(text: &str) -> Option<S3Location> {
        S3Location::parse(&LocationUrl::new(text), &keys("own", "100%25")).ok()
    }

    #[test]
    fn reads_every_form_that_glance_wrote() {
        let id = "71c675ab-d94f-49cd-a114-e12490b328d9";
        for (text, url, expected) in [
            (
                "s3://K:S@s3.amazonaws.com/b/",
                "http://s3.amazonaws.com",
                Some(("K", "S")),
            ),
            ("s3+http://K:S@h:8080/b/", "http://h:8080", Some(("K", "S"))),
            ("s3+https://K:S@h/b/", "https://h", Some(("K", "S"))),
            // Amazon's secrets: as they are.
            (
                "s3://AK:a/b+c/d=@h/b/",
                "http://h",
                Some(("AK", "a/b+c/d=")),
            ),
            ("s3://AK://x@h/b/", "", None),
            ("s3://AK:/a//b/@h/b/", "http://h", Some(("AK", "/a//b/"))),
            // ... or encoded.
            (
                "s3://A%3AK:a%2Fb%2Bc%40@h/b/",
                "http://h",
                Some(("A:K", "a/b+c@")),
            ),
            // A server under a path, as in Glance's own sample configuration.
            (
                "s3://K:S@127.0.0.1:8080/v1.0/b/",
                "http://127.0.0.1:8080/v1.0",
                Some(("K", "S")),
            ),
            (
                "s3://K:S@[::1]:8080/b/",
                "http://[::1]:8080",
                Some(("K", "S")),
            ),
            // Glance takes whatever slashes there are.
            ("s3:///K:S@h/b/", "http://h", Some(("K", "S"))),
            // Our own secret has a % in it, which Glance did not encode.
            ("s3://own:100%25@h/b/", "http://h", Some(("own", "100%25"))),
            (
                "s3://other:100%25@h/b/",
                "http://h",
                Some(("other", "100%")),
            ),
            ("s3://h/b/", "http://h", None),
            ("s3+https://h:444/b/", "https://h:444", None),
        ] {
            let location = read(&format!("{text}{id}"));
            if url.is_empty() {
                assert_eq!(location, None, "{text}");
                continue;
            }
            let location = location.unwrap_or_else(|| panic!("{text} is refused"));
            assert_eq!(location.endpoint.url(), url, "{text}");
            assert_eq!(
                (location.bucket.as_str(), location.object.as_str()),
                ("b", id)
            );
            let expected = expected.map(|(access, secret)| keys(access, secret));
            assert!(location.keys == expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "s3",
            "s3:",
            "s3://",
            "s3://h",
            "s3://h/b",
            "s3://K:S@h/b",
            "s3://K@h/b/o",
            "s3://:S@h/b/o",
            "s3://K:@h/b/o",
            "s3://K:S@https://h/b/o",
            "s3://K:S@/b/o",
            "s3://K:S@h/../o",
            "s3://K:S@h/b/..",
            "s3://K:S@h h/b/o",
            "s3+ftp://K:S@h/b/o",
            "swift://K:S@h/b/o",
            "file:///b/o",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn writes_glances_form() {
        let written = |host, access, secret| {
            let location = S3Location {
                endpoint: Endpoint::parse(host).unwrap(),
                keys: Some(keys(access, secret)),
                bucket: "b".to_owned(),
                object: "o".to_owned(),
            };
            let url = location.to_url();
            assert!(read(url.expose()).as_ref() == Some(&location), "{host}");
            url.expose().to_owned()
        };
        assert_eq!(
            written("s3.example.org", "AK", "a/b+c="),
            "s3://AK:a/b+c=@s3.example.org/b/o"
        );
        assert_eq!(written("http://h:80/", "AK", "S"), "s3://AK:S@h:80/b/o");
        assert_eq!(
            written("https://h/x/", "AK", "S"),
            "s3+https://AK:S@h/x/b/o"
        );
        assert_eq!(
            written("h", "A:K", "p%@ #?:"),
            "s3://A%3AK:p%25%40%20%23%3F%3A@h/b/o"
        );
    }

    #[test]
    fn tells_the_host() {
        for (text, host) in [
            ("h", "h"),
            ("https://h:8080/v1", "h"),
            ("[::1]:80", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().host(), host);
        }
        for text in ["", "http://", "ftp://h", "a@h", "h?x", "a b"] {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
    }

    #[test]
    fn shows_no_keys() {
        let location = read("s3://AKEY:hidden@h/b/o").unwrap();
        let shown = format!("{location:?}");
        assert!(
            !shown.contains("AKEY") && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
