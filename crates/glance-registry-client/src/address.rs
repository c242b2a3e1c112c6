//! Where a registry answers.

use std::fmt;
use std::path::PathBuf;

/// Where a registry answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://host:port` or `https://host:port`, without a slash at the end.
    Url(String),
    /// A Unix socket, without TLS.
    Socket(PathBuf),
}

impl Address {
    /// What stands before the path of a request.
    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Url(url) => url,
            // Whoever answers there is not asked by a name.
            Self::Socket(_) => "http://localhost",
        }
    }
}

/// As operators name it: `host:port` or `unix:/path`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.split_once("://").map_or(url, |(_, host)| host)),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
