//! Swift locations, in every form that Glance wrote.

use std::fmt;

use glance_core::location::LocationUrl;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::StoreError;

/// What Python's `quote` leaves as it is, but for `/`, at which Glance itself would stumble.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-');

/// How the account is found.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// By an account in the configuration: `swift+config`.
    Reference(String),
    /// By a token for this user.
    User {
        /// Where tokens are had, with its scheme and without a slash at its end.
        auth_url: String,
        user: String,
        key: String,
    },
    /// It is at this address, with whatever token the caller has.
    Storage(String),
}

/// Where an object is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SwiftLocation {
    pub(super) access: Access,
    pub(super) container: String,
    pub(super) object: String,
}

impl SwiftLocation {
    /// Reads a location as Glance's `StoreLocation.parse_uri` does: container and object are the
    /// last two parts of the path, what comes before them belongs to the address.
    pub(super) fn parse(location: &LocationUrl) -> Result<Self, StoreError> {
        Self::read(location.expose()).ok_or(StoreError::BadLocation)
    }

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if rest.contains("://") || rest.contains(|c: char| matches!(c, '?' | '#') || c.is_control())
        {
            return None;
        }
        let (rest, object) = rest.rsplit_once('/')?;
        let (address, container) = rest.rsplit_once('/')?;
        let usable = |name: &str| !matches!(name, "" | "." | "..");
        if !usable(container) || !usable(object) || address.is_empty() {
            return None;
        }
        let protocol = match scheme {
            "swift" | "swift+https" => "https",
            "swift+http" => "http",
            "swift+config" => "",
            _ => return None,
        };
        let access = match split_credentials(address) {
            _ if protocol.is_empty() => Access::Reference(address.to_owned()),
            (None, address) => Access::Storage(with_scheme(protocol, address)?),
            (Some(credentials), address) => {
                // Glance decodes first and divides then, which harms keys with a colon.
                let (user, key) = credentials.rsplit_once(':')?;
                Access::User {
                    auth_url: with_scheme(protocol, address)?,
                    user: decoded(user)?,
                    key: decoded(key)?,
                }
            }
        };
        Some(Self {
            access,
            container: container.to_owned(),
            object: object.to_owned(),
        })
    }

    /// Its text, as Glance's `StoreLocation.get_uri` writes it.
    pub(super) fn write(&self) -> LocationUrl {
        let place = format!("{}/{}", self.container, self.object);
        LocationUrl::new(match &self.access {
            Access::Reference(name) => format!("swift+config://{name}/{place}"),
            Access::Storage(url) => {
                let (scheme, address) = schemed(url);
                format!("{scheme}://{address}/{place}")
            }
            Access::User {
                auth_url,
                user,
                key,
            } => {
                let (scheme, address) = schemed(auth_url);
                let (user, key) = (quoted(user), quoted(key));
                format!("{scheme}://{user}:{key}@{address}/{place}")
            }
        })
    }
}

impl fmt::Debug for SwiftLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftLocation").finish_non_exhaustive()
    }
}

/// What is before the last `@` of the host, and the rest.
fn split_credentials(address: &str) -> (Option<&str>, &str) {
    let host_end = address.find('/').unwrap_or(address.len());
    match address[..host_end].rfind('@') {
        Some(at) => (Some(&address[..at]), &address[at + 1..]),
        None => (None, address),
    }
}

fn with_scheme(protocol: &str, address: &str) -> Option<String> {
    let address = address.trim_matches('/');
    (!address.is_empty()).then(|| format!("{protocol}://{address}"))
}

/// Glance's scheme for an address, and the address without its own.
fn schemed(url: &str) -> (&'static str, &str) {
    match url.strip_prefix("http://") {
        Some(address) => ("swift+http", address),
        None => ("swift+https", url.strip_prefix("https://").unwrap_or(url)),
    }
}

/// An address as the configuration has it: https unless it says otherwise.
pub(super) fn configured_url(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    if address.starts_with("http://") || address.starts_with("https://") {
        return address.to_owned();
    }
    format!("https://{address}")
}

fn quoted(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string()
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(auth_url: &str, user: &str, key: &str) -> Access {
        Access::User {
            auth_url: auth_url.to_owned(),
            user: user.to_owned(),
            key: key.to_owned(),
        }
    }

    fn storage(url: &str) -> Access {
        Access::Storage(url.to_owned())
    }

    #[test]
    fn reads_every_form_that_glance_wrote() {
        let config = |name: &str| Access::Reference(name.to_owned());
        let cases = [
            (
                "swift://user:key@auth_address/glance/obj",
                user("https://auth_address", "user", "key"),
            ),
            (
                "swift://account:user:pass@authurl.com/glance/obj",
                user("https://authurl.com", "account:user", "pass"),
            ),
            (
                "swift+https://tenant%3Auser1:key@localhost:8080/glance/obj",
                user("https://localhost:8080", "tenant:user1", "key"),
            ),
            (
                "swift+http://acct:usr:pass@example.com:5000/v2.0/glance/obj",
                user("http://example.com:5000/v2.0", "acct:usr", "pass"),
            ),
            (
                "swift+https://acct%3Ausr:p%2Fa%40s%3As%25@example.com/identity/v3/glance/obj",
                user("https://example.com/identity/v3", "acct:usr", "p/a@s:s%"),
            ),
            (
                "swift+http://us%C3%A9r:k%20y@127.0.0.1:8080/auth/v1.0/glance/obj",
                user("http://127.0.0.1:8080/auth/v1.0", "usér", "k y"),
            ),
            (
                "swift+http://tenant%3Auser@domain:key@[::1]:5000/v3/glance/obj",
                user("http://[::1]:5000/v3", "tenant:user@domain", "key"),
            ),
            ("swift+config://ref1/glance/obj", config("ref1")),
            ("swift+config://store_2/glance/obj", config("store_2")),
            (
                "swift+http://storeurl/glance/obj",
                storage("http://storeurl"),
            ),
            (
                "swift+https://store.example.com:8443/v1/AUTH_x/glance/obj",
                storage("https://store.example.com:8443/v1/AUTH_x"),
            ),
            (
                "swift://some_endpoint/glance/obj",
                storage("https://some_endpoint"),
            ),
        ];
        for (text, access) in cases {
            let location = SwiftLocation::parse(&LocationUrl::new(text));
            let location = location.unwrap_or_else(|_| panic!("{text}"));
            assert!(location.access == access, "{text}");
            assert_eq!((&*location.container, &*location.object), ("glance", "obj"));
            let again = SwiftLocation::parse(&location.write()).unwrap();
            assert!(again == location, "{text}");
        }
    }

    #[test]
    fn writes_what_glance_writes() {
        for (access, expected) in [
            (
                user(
                    "http://127.0.0.1:8080/auth/v1.0",
                    "test:tester",
                    "te/st ing",
                ),
                "swift+http://test%3Atester:te%2Fst%20ing@127.0.0.1:8080/auth/v1.0/glance/id",
            ),
            (
                user("https://auth.example.com/v3", "p:u", "k"),
                "swift+https://p%3Au:k@auth.example.com/v3/glance/id",
            ),
            (
                Access::Reference("ref1".to_owned()),
                "swift+config://ref1/glance/id",
            ),
            (
                storage("http://127.0.0.1:8080/v1/AUTH_x"),
                "swift+http://127.0.0.1:8080/v1/AUTH_x/glance/id",
            ),
        ] {
            let location = SwiftLocation {
                access,
                container: "glance".to_owned(),
                object: "id".to_owned(),
            };
            assert_eq!(location.write().expose(), expected);
        }
    }

    #[test]
    fn refuses_what_glance_refuses() {
        for text in [
            "",
            "swift",
            "swift://",
            "swift://host",
            "swift://user:key@uri/cont",
            "swift://bad_creds@uri/cont/obj",
            "swift://user:pass@http://authurl.com/v1/container/obj",
            "swift://user:key@/cont/obj",
            "swift://:key@host/cont/obj",
            "swift://u:k@host/cont/",
            "swift://u:k@host//obj",
            "swift://u:k@host/cont/..",
            "swift://u:k@host/../obj",
            "swift://u:k@host/cont/obj?temp_url_sig=x",
            "swift+config:///cont/obj",
            "swift+ftp://u:k@host/cont/obj",
            "http://u:k@host/cont/obj",
            "file:///etc/passwd",
        ] {
            let parsed = SwiftLocation::parse(&LocationUrl::new(text));
            assert!(matches!(parsed, Err(StoreError::BadLocation)), "{text}");
        }
    }

    #[test]
    fn never_shows_credentials() {
        let text = "swift+http://user:hunter2@host/glance/obj";
        let location = SwiftLocation::parse(&LocationUrl::new(text)).unwrap();
        let shown = format!("{location:?} {:?} {}", location.write(), location.write());
        assert!(
            !shown.contains("hunter2") && !shown.contains("user"),
            "{shown}"
        );
    }
}
