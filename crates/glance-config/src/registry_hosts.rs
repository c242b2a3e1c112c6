//! The registries that glance-api can be told to ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::socket_path::SocketPath;
use crate::value::OptionValue;

/// The most that can be named: enough for any cloud, and few enough to be looked through for each call.
const MOST: usize = 32;

/// One or more registries on the same database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryHosts(Vec<RegistryHost>);

/// Where one registry listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryHost {
    /// On a host.
    Tcp {
        /// A name, or an address as it stands in a URL.
        host: String,
        /// Its port; none: that of `registry_port`.
        port: Option<u16>,
    },
    /// On a socket of this host.
    Socket(SocketPath),
}

impl RegistryHosts {
    /// The registries, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &RegistryHost> {
        self.0.iter()
    }
}

impl RegistryHost {
    /// Where to connect: `host:port`, where the address "any" becomes this host's loopback address
    /// and an IPv6 address stands in brackets, ready for a URL; or `unix:/path`.
    pub(crate) fn authority(&self, usual: u16) -> String {
        let (host, port) = match self {
            Self::Tcp { host, port } => (host, port.unwrap_or(usual)),
            Self::Socket(path) => return path.to_string(),
        };
        match host.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(address)) if address.is_unspecified() => {
                format!("{}:{port}", Ipv4Addr::LOCALHOST)
            }
            Ok(IpAddr::V6(address)) if address.is_unspecified() => {
                format!("[{}]:{port}", Ipv6Addr::LOCALHOST)
            }
            Ok(IpAddr::V4(_) | IpAddr::V6(_)) | Err(_) => format!("{host}:{port}"),
        }
    }

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if let Some(path) = SocketPath::among_addresses(text) {
            return path.map(Self::Socket).map_err(Some);
        }
        if let Ok(IpAddr::V6(address)) = text.trim_matches(['[', ']']).parse() {
            let host = format!("[{address}]");
            return Ok(Self::Tcp { host, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| no_port(text))?))
            }
            None => (text, None),
        };
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let valid = match inner {
            Some(address) => address
                .parse()
                .is_ok_and(|address: IpAddr| address.is_ipv6()),
            None => is_name(host),
        };
        let host = host.to_owned();
        valid.then_some(Self::Tcp { host, port }).ok_or(None)
    }

    fn shown(&self) -> String {
        match self {
            Self::Tcp { host, port } => match port {
                Some(port) => format!("{host}:{port}"),
                None => host.clone(),
            },
            Self::Socket(path) => path.to_string(),
        }
    }
}

fn no_port(text: &str) -> Option<String> {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    Some(format!("{:?} is no port", port.unwrap_or_default()))
}

/// A name or an IPv4 address. What it means is found out when it is connected to.
fn is_name(host: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty() && host.chars().all(known)
}

impl OptionValue for RegistryHosts {
    const ACCEPTS: &'static str = "a name or an address, with or without :port, or unix:/path; several are separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut hosts = Vec::new();
        for item in Vec::<String>::parse(text)? {
            let host = RegistryHost::parse(&item)?;
            if hosts.contains(&host) {
                return Err(Some(format!("{item} is given twice")));
            }
            hosts.push(host);
        }
        match hosts.len() {
            0 => Err(None),
            1..=MOST => Ok(Self(hosts)),
            _ => Err(Some(format!("there are at most {MOST} registries"))),
        }
    }

    fn shown(&self) -> Vec<String> {
        let hosts: Vec<String> = self.iter().map(RegistryHost::shown).collect();
        vec![hosts.join(",")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities(text: &str) -> Result<Vec<String>, Option<String>> {
        let hosts = RegistryHosts::parse(text)?;
        Ok(hosts.iter().map(|host| host.authority(9191)).collect())
    }

    #[track_caller]
    fn reads(text: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(authorities(text), Ok(expected));
    }

    #[test]
    fn reads_one_or_several() {
        reads("registry.example", &["registry.example:9191"]);
        reads("10.0.0.7:1", &["10.0.0.7:1"]);
        reads(
            "a, b:2 ,,unix:/run/r.sock",
            &["a:9191", "b:2", "unix:/run/r.sock"],
        );
        reads("/run/r.sock", &["unix:/run/r.sock"]);
    }

    #[test]
    fn reaches_any_address_at_loopback() {
        reads("0.0.0.0,0.0.0.0:1", &["127.0.0.1:9191", "127.0.0.1:1"]);
        reads("::", &["[::1]:9191"]);
        reads("[::]:7", &["[::1]:7"]);
        reads("[2001:db8::1]", &["[2001:db8::1]:9191"]);
        reads(
            "2001:db8::1,[2001:db8::1]:7",
            &["[2001:db8::1]:9191", "[2001:db8::1]:7"],
        );
    }

    #[test]
    fn refuses_what_can_be_no_registry() {
        for text in [
            "",
            ",",
            "http://a:1",
            "a b",
            "a:0",
            "a:x",
            "a:99999",
            "[a]:1",
            "u@a",
            ":1",
        ] {
            assert!(authorities(text).is_err(), "{text}");
        }
        for text in ["a,a", "unix:r.sock"] {
            assert!(matches!(authorities(text), Err(Some(_))), "{text}");
        }
        let many: Vec<String> = (0..=MOST).map(|number| format!("h{number}")).collect();
        assert!(authorities(&many.join(",")).is_err());
        assert!(authorities(&many[1..].join(",")).is_ok());
    }

    #[test]
    fn is_shown_as_it_is_read() {
        let shown = |text: &str| RegistryHosts::parse(text).unwrap().shown();
        assert_eq!(shown("a, [::1]:7,/r"), ["a,[::1]:7,unix:/r"]);
    }
}
