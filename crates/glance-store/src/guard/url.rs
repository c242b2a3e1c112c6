//! The text of a URL that a user gave, or that a redirect names.

use std::fmt;

use hyper::Uri;
use url::{Host, Url};

use super::{Guard, Refusal};

/// Longer URLs are refused. Signed ones have about 2,000 characters.
const LONGEST: usize = 4096;

/// A URL that passed the guard's checks of its text. Its `Debug` shows none of it, because queries
/// hold signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalUrl {
    url: Url,
    uri: Uri,
}

impl Guard {
    /// Checks a URL as text. What its name resolves to is checked whenever it is connected to.
    pub fn check(&self, text: &str) -> Result<ExternalUrl, Refusal> {
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        let (scheme, rest) = text.split_once(':').ok_or(Refusal::Scheme)?;
        if !self.allows_scheme(&scheme.to_ascii_lowercase()) {
            return Err(Refusal::Scheme);
        }
        if text.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        // Readers differ on what these mean, so somebody may be cheated by them.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(Refusal::Malformed);
        }
        let rest = rest.strip_prefix("//").ok_or(Refusal::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Refusal::UserInformation);
        }
        if authority.is_empty() || authority.contains('%') {
            return Err(Refusal::Malformed);
        }
        let mut url = Url::parse(text).map_err(|_| Refusal::Malformed)?;
        self.check_host(&url, authority)?;
        url.set_fragment(None);
        let uri = url.as_str().parse().map_err(|_| Refusal::Malformed)?;
        Ok(ExternalUrl { url, uri })
    }

    fn check_host(&self, url: &Url, authority: &str) -> Result<(), Refusal> {
        let host = url.host().ok_or(Refusal::Malformed)?;
        let named = match host {
            Host::Domain(name) => self.allow.has_host(name),
            Host::Ipv4(address) => {
                // `2130706433`, `0x7f.1` and `017700000001` are spellings of 127.0.0.1, too.
                let written = authority.split(':').next().unwrap_or_default();
                if written != address.to_string() {
                    return Err(Refusal::Malformed);
                }
                self.check_literal(address.into())?
            }
            Host::Ipv6(address) => self.check_literal(address.into())?,
        };
        match url.port_or_known_default() {
            Some(0) | None => Err(Refusal::Port),
            Some(port) if named || self.ports.contains(port) => Ok(()),
            Some(_) => Err(Refusal::Port),
        }
    }

    /// Whether the address is named by the operator; refused if it is neither that nor public.
    fn check_literal(&self, address: std::net::IpAddr) -> Result<bool, Refusal> {
        if !self.allows_address(address) {
            return Err(Refusal::Address);
        }
        Ok(self.allow.has_address(address))
    }

    /// Where a redirect of `from` leads.
    pub(crate) fn redirect(&self, from: &ExternalUrl, to: &str) -> Result<ExternalUrl, Refusal> {
        // An absolute one is checked as it is written, not as joining would tidy it up.
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if to
            .split_once("://")
            .is_some_and(|(scheme, _)| scheme.chars().all(is_part))
        {
            return self.check(to);
        }
        if to.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(Refusal::Malformed);
        }
        self.check(from.url.join(to).map_err(|_| Refusal::Malformed)?.as_str())
    }
}

impl ExternalUrl {
    /// As a request takes it.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.url.path()
    }
}

impl fmt::Debug for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.url.scheme())
    }
}
