//! How glance-api reaches glance-registry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

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
        /// With https: the authorities that may have signed what glance-registry shows, a file in
        /// PEM form. Unset: those of the system.
        registry_client_ca_file: Option<PathBuf> = unset, restart;
        /// With https: the certificate that is shown to glance-registry, if it wants one (its
        /// ca_file is set), in PEM form. A changed file is read on SIGHUP.
        registry_client_cert_file: Option<PathBuf> = unset, live;
        /// The private key of registry_client_cert_file, in PEM form and without a passphrase.
        registry_client_key_file: Option<PathBuf> = unset, live;
        /// With https: whatever glance-registry shows is believed, and registry_client_ca_file is
        /// ignored.
        registry_client_insecure: bool = "false", restart;
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
        let protocol = match self.registry_client_protocol {
            RegistryProtocol::Http => "http",
            RegistryProtocol::Https => "https",
        };
        format!(
            "{protocol}://{}:{}",
            self.connect_host(),
            self.registry_port
        )
    }

    /// What is missing of certificate and key, if only one is named. Only https needs them.
    pub(crate) fn conflict(&self) -> Option<String> {
        let (cert, key) = (
            &self.registry_client_cert_file,
            &self.registry_client_key_file,
        );
        let tls = self.registry_client_protocol == RegistryProtocol::Https;
        (tls && cert.is_some() != key.is_some()).then(|| {
            "[DEFAULT] registry_client_cert_file, registry_client_key_file: set both, or none"
                .to_owned()
        })
    }
}

/// The protocol between the daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryProtocol {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl OptionValue for RegistryProtocol {
    const ACCEPTS: &'static str = "http or https";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let name = match self {
            Self::Http => "http",
            Self::Https => "https",
        };
        vec![name.to_owned()]
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

    #[test]
    fn https_wants_certificate_and_key_or_neither() {
        let mut config = RegistryClientConfig {
            registry_client_cert_file: Some("c".into()),
            ..Default::default()
        };
        assert_eq!(config.conflict(), None);
        config.registry_client_protocol = RegistryProtocol::parse("HTTPS").unwrap();
        assert!(config.conflict().is_some());
        config.registry_client_key_file = Some("k".into());
        assert_eq!(config.conflict(), None);
        assert_eq!(config.base_url(), "https://127.0.0.1:9191");
    }
}
