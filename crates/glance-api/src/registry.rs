//! How the registries are reached: where, with which certificates, and what proves who we are.

use std::sync::Arc;

use glance_config::{ApiConfig, RegistryAddress, RegistryProtocol, chain};
use glance_net::tls::{KeyPair, Part, Shown, TlsError, Trust, no_trust};
use glance_registry_client::{Address, Forwarding, Options, Registries, SharedSecret};
use thiserror::Error;

/// Why the registry cannot be reached with these files.
#[derive(Debug, Error)]
#[error("[DEFAULT] {option}")]
pub(crate) struct RegistryTlsError {
    option: &'static str,
    source: TlsError,
}

/// The way to the registries.
#[derive(Debug)]
pub(crate) struct Registry {
    /// What its clients need.
    pub(crate) options: Options,
    /// The certificate that is shown to it, if it has one.
    shown: Option<Shown>,
}

impl Registry {
    /// What the configuration says. Blocks to read certificates.
    pub(crate) fn open(config: &ApiConfig) -> Result<Self, RegistryTlsError> {
        let registry = &config.registry;
        let shown = own(config).map(Shown::load).transpose().map_err(refused)?;
        let insecure = registry.registry_client_insecure;
        let ca_file = registry.registry_client_ca_file.as_deref();
        let trust = Trust {
            ca_file: ca_file.filter(|_| !insecure),
            insecure,
        };
        let tls = match (registry.registry_client_protocol, &shown) {
            (RegistryProtocol::Http, _) => no_trust(),
            (RegistryProtocol::Https, None) => trust.config(),
            (RegistryProtocol::Https, Some(shown)) => trust.config_showing(shown),
        };
        let secret = config.service.registry_secret.as_ref();
        let options = Options {
            registries: Arc::new(Registries::new(addresses(config))),
            tls: tls.map_err(refused)?,
            secret: secret.and_then(|secret| SharedSecret::new(secret.reveal())),
            timeout: registry.registry_client_timeout.limit(),
            forwarding: Forwarding {
                user_token: registry.use_user_token,
                identity_headers: registry.send_identity_headers,
            },
        };
        Ok(Self { options, shown })
    }

    /// Connections from now on show what the files hold now; after an error, what they did. Blocks
    /// to read them.
    pub(crate) fn reload(&self, config: &ApiConfig) {
        match (&self.shown, own(config)) {
            (Some(shown), Some(files)) => {
                if let Err(error) = shown.reload(files).map_err(refused) {
                    let error = chain(&error);
                    log::error!("the certificate for the registry stays as it was: {error}");
                }
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                log::warn!("whether the registry is shown a certificate changes by a restart only");
            }
        }
    }
}

fn addresses(config: &ApiConfig) -> Vec<Address> {
    let addresses = config.registry.addresses().into_iter();
    let address = |address| match address {
        RegistryAddress::Url(url) => Address::Url(url),
        RegistryAddress::Socket(socket) => Address::Socket(socket.path().to_owned()),
    };
    addresses.map(address).collect()
}

/// The files of the certificate that the registry is shown, if it is shown any.
fn own(config: &ApiConfig) -> Option<KeyPair<'_>> {
    let registry = &config.registry;
    if registry.registry_client_protocol == RegistryProtocol::Http {
        return None;
    }
    Some(KeyPair {
        cert_file: registry.registry_client_cert_file.as_deref()?,
        key_file: registry.registry_client_key_file.as_deref()?,
    })
}

fn refused(source: TlsError) -> RegistryTlsError {
    let option = match source.part() {
        Part::Certificate => "registry_client_cert_file",
        Part::Key => "registry_client_key_file",
        Part::Authorities => "registry_client_ca_file",
    };
    RegistryTlsError { option, source }
}
