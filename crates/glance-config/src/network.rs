//! Values that name hosts, networks, ports and schemes.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::value::OptionValue;

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address never lies in an IPv6 network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok())?;
        (prefix <= longest).then_some(Self { address, prefix })
    }
}

/// A host that is named by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A name, in lower case, wherever it leads.
    Host(String),
    /// Addresses.
    Network(Network),
}

/// Hosts and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(pub Vec<Allowed>);

impl AllowList {
    /// Whether the name is in it, in any case, with or without a dot at its end.
    pub fn has_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.0.iter().any(|allowed| match allowed {
            Allowed::Host(host) => host.eq_ignore_ascii_case(name),
            Allowed::Network(_) => false,
        })
    }

    /// Whether one of its networks has the address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.0.iter().any(|allowed| match allowed {
            Allowed::Host(_) => false,
            Allowed::Network(network) => network.contains(address),
        })
    }
}

impl OptionValue for AllowList {
    const ACCEPTS: &'static str =
        "a list of host names, addresses and networks (address/bits), separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let one = |item: String| {
            if let Some(network) = Network::parse(&item) {
                return Ok(Allowed::Network(network));
            }
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            // What looks like an address but is none must not pass for a name.
            let last = item
                .trim_end_matches('.')
                .rsplit('.')
                .next()
                .unwrap_or_default();
            let numeric = last.chars().all(|c| c.is_ascii_digit());
            if item.chars().all(is_part) && !numeric {
                return Ok(Allowed::Host(
                    item.trim_end_matches('.').to_ascii_lowercase(),
                ));
            }
            Err(Some(
                "one of the items is no host name, address or network".to_owned(),
            ))
        };
        Vec::<String>::parse(text)?
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn shown(&self) -> Vec<String> {
        let one = |allowed: &Allowed| match allowed {
            Allowed::Host(name) => name.clone(),
            Allowed::Network(Network { address, prefix }) => format!("{address}/{prefix}"),
        };
        let items: Vec<String> = self.0.iter().map(one).collect();
        if items.is_empty() {
            Vec::new()
        } else {
            vec![items.join(",")]
        }
    }
}

/// Ports and ranges of ports, never port 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// Whether the port is one of them.
    pub fn contains(&self, port: u16) -> bool {
        port != 0 && self.0.iter().any(|range| range.contains(&port))
    }
}

impl OptionValue for Ports {
    const ACCEPTS: &'static str = "a list of ports and ranges (1024-65535), separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let one = |item: String| {
            let (first, last) = item.split_once('-').unwrap_or((&item, &item));
            let (first, last) = (port(first)?, port(last)?);
            if first > last {
                Err(None)
            } else {
                Ok(first..=last)
            }
        };
        Vec::<String>::parse(text)?
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn shown(&self) -> Vec<String> {
        let one = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        vec![self.0.iter().map(one).collect::<Vec<_>>().join(",")]
    }
}

fn port(text: &str) -> Result<u16, Option<String>> {
    text.trim()
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or(None)
}

/// Which of http and https.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schemes {
    /// `http`.
    pub http: bool,
    /// `https`.
    pub https: bool,
}

impl OptionValue for Schemes {
    const ACCEPTS: &'static str = "http, https, both separated by a comma, or nothing";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut schemes = Self::default();
        for item in Vec::<String>::parse(text)? {
            match item.as_str() {
                "http" => schemes.http = true,
                "https" => schemes.https = true,
                _ => return Err(None),
            }
        }
        Ok(schemes)
    }

    fn shown(&self) -> Vec<String> {
        let names = [(self.http, "http"), (self.https, "https")];
        let names: Vec<_> = names
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| *name)
            .collect();
        vec![names.join(",")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_what_is_named() {
        let list =
            AllowList::parse("Images.Example.org., 10.1.2.3, 192.168.0.0/16,fd00::/8, [::1]");
        let list = list.unwrap();
        assert!(list.has_host("images.example.ORG"));
        assert!(!list.has_host("example.org"));
        for (address, within) in [
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("192.168.255.1", true),
            ("192.169.0.1", false),
            ("fd12::1", true),
            ("::1", true),
            ("::2", false),
            ("::ffff:10.1.2.3", false),
        ] {
            assert_eq!(
                list.has_address(address.parse().unwrap()),
                within,
                "{address}"
            );
        }
        assert_eq!(AllowList::parse("").unwrap(), AllowList::default());
        assert_eq!(AllowList::parse(&list.shown()[0]).unwrap(), list);
        assert!(
            AllowList::parse("0.0.0.0/0")
                .unwrap()
                .has_address("1.2.3.4".parse().unwrap())
        );
        assert!(
            AllowList::parse("::/0")
                .unwrap()
                .has_address("::5".parse().unwrap())
        );
    }

    #[test]
    fn refuses_what_is_no_host() {
        for text in [
            "10.0.0.0/33",
            "10.1",
            "999.1.1.1",
            "http://x",
            "a b",
            "fd00::/129",
        ] {
            assert!(AllowList::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_listed_or_in_ranges() {
        let ports = Ports::parse("80, 443,1024-65535").unwrap();
        for (port, within) in [
            (0, false),
            (22, false),
            (80, true),
            (1024, true),
            (65535, true),
        ] {
            assert_eq!(ports.contains(port), within, "{port}");
        }
        assert_eq!(ports.shown(), ["80,443,1024-65535"]);
        for text in ["0", "5-1", "x", "65536"] {
            assert!(Ports::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_schemes_of_the_web() {
        assert_eq!(
            Schemes::parse("https").unwrap(),
            Schemes {
                http: false,
                https: true
            }
        );
        assert_eq!(Schemes::parse("").unwrap(), Schemes::default());
        assert!(Schemes::parse("file").is_err());
        assert!(Schemes::parse("swift+config").is_err());
    }
}
