//! How glance-api reaches glance-registry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::quota::Patience;
use crate::value::OptionValue;

options! {
    /// How glance-api reaches glance-registry, and as whom.
    pub struct RegistryClientConfig in "DEFAULT" {
        /// The host on which glance-registry listens, a name or an address.
        /// 0.0.0.0, Glance's default, means this host: it is reached at 127.0.0.1 (:: at ::1).
        registry_host: String = "0.0.0.0", restart;
        /// The TCP port on which glance-registry listens.
        registry_port: u16 = "9191", restart;
        /// The protocol to speak with glance-registry.
        registry_client_protocol: RegistryProtocol = "http", restart;
        /// Seconds to wait for an answer of glance-registry. 0: without limit.
        registry_client_timeout: Patience = "600", restart;
        /// Whether the caller's token is passed on to glance-registry.
        use_user_token: bool = "true", restart;
        /// Whether the caller's identity (X-User-Id, X-Tenant-Id, X-Roles, X-Identity-Status) is
        /// passed on to glance-registry. Needed when it trusts such headers (flavor trusted-auth).
        send_identity_headers: bool = "false", restart;
    }
}

impl RegistryClientConfig {
    /// The host to connect to: the address "any" becomes this host's loopback address, and an
    /// IPv6 address stands in brackets, ready for a URL.
    pub fn connect_host(&self) -> String {
        match self.registry_host.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Ok(IpAddr::V6(address)) if address.is_unspecified() => {
                format!("[{}]", Ipv6Addr::LOCALHOST)
            }
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.registry_host.clone(),
        }
    }

    /// The URL under which glance-registry answers, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}:{}", self.connect_host(), self.registry_port)
    }
}

/// The protocol between the daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryProtocol {
    /// HTTP without TLS.
    Http,
}

impl OptionValue for RegistryProtocol {
    const ACCEPTS: &'static str = "http";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Err(Some(
                "TLS between the daemons is not supported yet".to_owned(),
            )),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec!["http".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_any_address_at_loopback() {
        let url = |host: &str| {
            RegistryClientConfig {
                registry_host: host.to_owned(),
                ..Default::default()
            }
            .base_url()
        };
        assert_eq!(url("0.0.0.0"), "http://127.0.0.1:9191");
        assert_eq!(url("::"), "http://[::1]:9191");
        assert_eq!(url("[2001:db8::1]"), "http://[2001:db8::1]:9191");
        assert_eq!(url("10.0.0.7"), "http://10.0.0.7:9191");
        assert_eq!(url("registry.example"), "http://registry.example:9191");
    }
}
