//! How glance-api reaches glance-registry.

use std::path::PathBuf;

use crate::quota::Patience;
use crate::registry_hosts::{RegistryHost, RegistryHosts};
use crate::socket_path::SocketPath;
use crate::value::OptionValue;

options! {
    /// How glance-api reaches glance-registry, and as whom.
    pub struct RegistryClientConfig in "DEFAULT" {
        /// The host on which glance-registry listens, a name or an address, or the Unix socket.
        /// 0.0.0.0, Glance's default, means this host: it is reached at 127.0.0.1 (:: at ::1).
        /// Several, which share a database: a:9191,b:9191. The one with the fewest calls is asked;
        /// one that does not answer is left out until it does, and the others are asked instead,
        /// except for changes that it may have made.
        registry_host: RegistryHosts = "0.0.0.0", restart;
        /// The TCP port on which glance-registry listens, where registry_host names none.
        registry_port: u16 = "9191", restart;
        /// The protocol to speak with glance-registry; over a Unix socket it is always http.
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
    /// Where the registries answer, at least one.
    pub fn addresses(&self) -> Vec<RegistryAddress> {
        let protocol = match self.registry_client_protocol {
            RegistryProtocol::Http => "http",
            RegistryProtocol::Https => "https",
        };
        let address = |host: &RegistryHost| match host {
            RegistryHost::Tcp { .. } => {
                let authority = host.authority(self.registry_port);
                RegistryAddress::Url(format!("{protocol}://{authority}"))
            }
            RegistryHost::Socket(path) => RegistryAddress::Socket(path.clone()),
        };
        self.registry_host.iter().map(address).collect()
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

/// Where a registry answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAddress {
    /// At a URL, without a slash at its end.
    Url(String),
    /// At a Unix socket, without TLS.
    Socket(SocketPath),
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
    fn the_protocol_is_for_hosts() {
        let config = RegistryClientConfig {
            registry_host: RegistryHosts::parse("a,b:1,/run/r.sock").unwrap(),
            registry_client_protocol: RegistryProtocol::Https,
            ..Default::default()
        };
        let addresses = config.addresses();
        let [first, second, RegistryAddress::Socket(path)] = &addresses[..] else {
            panic!("{addresses:?}");
        };
        assert_eq!(first, &RegistryAddress::Url("https://a:9191".to_owned()));
        assert_eq!(second, &RegistryAddress::Url("https://b:1".to_owned()));
        assert_eq!(path.to_string(), "unix:/run/r.sock");
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
    }
}
