//! The one guard for URLs that users give: which may be fetched, and where they may lead.
//!
//! A URL is checked three times: as text, before anything is registered; each address that its host
//! resolves to, whenever a connection is made, which then goes to the checked address; and the
//! same for each redirect. What an operator trusts is named in `external_allow`.

mod address;
mod connector;
mod resolver;
mod url;

use std::io;
use std::net::{IpAddr, SocketAddr};

use glance_config::{AllowList, ExternalConfig, Ports, Schemes};
use thiserror::Error;

pub(crate) use connector::{ConnectError, GuardedConnector};
pub use url::ExternalUrl;

use resolver::Resolver;

/// Why a URL is not followed. No text has any part of the URL, for it may hold a credential.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// There is no URL.
    #[error("the URL is empty")]
    Empty,
    /// The scheme is not among those that may be given; our own stores' never are.
    #[error("the scheme is not one of outside sources")]
    Scheme,
    /// It is no URL of the usual form, or an address is not written in the usual way.
    #[error("the URL is malformed")]
    Malformed,
    /// It is longer than any that is followed.
    #[error("the URL is too long")]
    TooLong,
    /// It has a user's name or password in it.
    #[error("the URL has user information in it")]
    UserInformation,
    /// It names a port that may not be given.
    #[error("the port is not allowed")]
    Port,
    /// It leads to an address that is not public, nor named by the operator.
    #[error("the host's address is not allowed")]
    Address,
}

/// Why a host has no address to connect to.
#[derive(Debug, Error)]
pub(crate) enum AddressError {
    /// It has one that must not be connected to.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It has none.
    #[error("the host's name cannot be resolved")]
    Unresolved(#[source] io::Error),
}

/// What the operator allows.
#[derive(Debug)]
pub struct Guard {
    schemes: Schemes,
    allow: AllowList,
    ports: Ports,
    resolver: Resolver,
}

impl Guard {
    /// The guard that `config` describes.
    pub fn new(config: &ExternalConfig) -> Self {
        Self {
            schemes: config.external_schemes,
            allow: config.external_allow.clone(),
            ports: config.external_ports.clone(),
            resolver: Resolver::system(),
        }
    }

    /// Whether URLs of this scheme, in lower case, may be given.
    fn allows_scheme(&self, scheme: &str) -> bool {
        match scheme {
            "http" => self.schemes.http,
            "https" => self.schemes.https,
            _ => false,
        }
    }

    fn allows_address(&self, address: IpAddr) -> bool {
        address::is_public(address) || self.allow.has_address(address)
    }

    /// The addresses of a host, every one of them checked: one that is forbidden makes all of them
    /// suspect, so then there is none.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, AddressError> {
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let found = match literal {
            Ok(address) => vec![address],
            Err(_) => self
                .resolver
                .lookup(host)
                .await
                .map_err(AddressError::Unresolved)?,
        };
        if found.is_empty() {
            return Err(AddressError::Unresolved(io::ErrorKind::NotFound.into()));
        }
        let trusted = literal.is_err() && self.allow.has_host(host);
        if !trusted && !found.iter().all(|address| self.allows_address(*address)) {
            return Err(Refusal::Address.into());
        }
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }
}

#[cfg(test)]
mod tests;
