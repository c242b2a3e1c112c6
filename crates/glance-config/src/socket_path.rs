//! Unix sockets where an address could stand.

use std::fmt;
use std::path::{Path, PathBuf};

/// The longest path that Linux can bind or connect to, in bytes.
const LONGEST: usize = 107;

/// The path of a Unix socket: absolute, and short enough for the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPath(PathBuf);

impl SocketPath {
    /// Reads `/path`, `unix:/path` or `unix:///path`. None: the text is no path at all.
    ///
    /// # Errors
    ///
    /// Why the path cannot be that of a socket, in words.
    pub(crate) fn among_addresses(text: &str) -> Option<Result<Self, String>> {
        let path = match text.strip_prefix("unix:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.starts_with('/') => text,
            None => return None,
        };
        Some(Self::checked(path))
    }

    fn checked(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') || path.ends_with('/') {
            return Err("the path of a socket begins with a slash and names a file".to_owned());
        }
        if path.len() > LONGEST || path.contains('\0') {
            return Err(format!(
                "the path of a socket has at most {LONGEST} bytes and no NUL character"
            ));
        }
        Ok(Self(PathBuf::from(path)))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// As a file has it: `unix:/path`.
impl fmt::Display for SocketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_paths_from_addresses() {
        let read = |text: &str| {
            SocketPath::among_addresses(text).map(|path| path.map(|path| path.to_string()))
        };
        for text in ["/run/g.sock", "unix:/run/g.sock", "unix:///run/g.sock"] {
            assert_eq!(read(text), Some(Ok("unix:/run/g.sock".to_owned())));
        }
        for text in ["unix", "127.0.0.1", "registry.example", "::1", ""] {
            assert_eq!(read(text), None);
        }
        let long = format!("/{}", "x".repeat(LONGEST));
        for text in [
            "unix:",
            "unix:run/g.sock",
            "unix://run/g.sock",
            "/",
            "/run/",
            &long,
        ] {
            assert!(matches!(read(text), Some(Err(_))), "{text}");
        }
        assert!(matches!(read(&long[..LONGEST]), Some(Ok(_))));
    }
}
