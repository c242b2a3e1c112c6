//! Where a daemon can be told to listen.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::socket_path::SocketPath;
use crate::value::OptionValue;

/// An address of this host, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindHost {
    /// An address; the port is an option of its own.
    Address(IpAddr),
    /// A socket in the file system.
    Socket(SocketPath),
}

impl BindHost {
    /// Whether only programs on this host can connect.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Socket(_) => true,
        }
    }
}

/// 127.0.0.1, where only this host connects.
impl Default for BindHost {
    fn default() -> Self {
        Self::Address(Ipv4Addr::LOCALHOST.into())
    }
}

impl fmt::Display for BindHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => path.fmt(f),
        }
    }
}

impl OptionValue for BindHost {
    const ACCEPTS: &'static str =
        "an IPv4 or IPv6 address, or localhost; for glance-registry also unix:/path or /path";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match SocketPath::among_addresses(text) {
            Some(path) => path.map(Self::Socket).map_err(Some),
            None => IpAddr::parse(text).map(Self::Address),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_sockets() {
        let read = |text| BindHost::parse(text).map(|host| (host.to_string(), host.is_loopback()));
        for (text, shown, loopback) in [
            ("localhost", "127.0.0.1", true),
            ("[::1]", "::1", true),
            ("0.0.0.0", "0.0.0.0", false),
            ("/run/g.sock", "unix:/run/g.sock", true),
        ] {
            assert_eq!(read(text), Ok((shown.to_owned(), loopback)));
        }
        assert_eq!(read("registry.example"), Err(None));
        assert!(matches!(read("unix:g.sock"), Err(Some(_))));
    }
}
