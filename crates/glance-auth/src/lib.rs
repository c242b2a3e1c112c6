//! Who is asking: one strategy per file behind one trait.
//!
//! Flavors have Glance's names (`[paste_deploy] flavor`). What a caller may do is not decided here.

mod fake;
mod headers;
mod none;
mod trusted;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use actix_http::RequestHead;
use async_trait::async_trait;
use glance_config::{AccessConfig, AuthFlavor};
use glance_core::identity::Identity;
use thiserror::Error;

pub use fake::FakeAuth;
pub use none::NoAuth;
pub use trusted::TrustedAuth;

/// Why a request has no identity.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AuthError {
    /// No credentials, or wrong ones: 401.
    #[error("the request carries no valid credentials")]
    Unauthorized,
    /// The identity that came with the request cannot be read: 400.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Why a strategy cannot be used with this configuration.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AuthSetupError {
    /// `fakeauth` believes everybody, so it serves this machine only.
    #[error(
        "[paste_deploy] flavor = fakeauth is for tests and serves loopback addresses only, \
         but bind_host is {0}"
    )]
    NotLoopback(String),
}

/// Finds out who sent a request.
#[async_trait(?Send)]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// The caller, by what the request's head says. Reads no body and blocks no thread.
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError>;
}

/// The strategy that the configuration names. `bind_host` is where the daemon will listen.
pub fn from_config(
    flavor: AuthFlavor,
    access: &AccessConfig,
    bind_host: &str,
) -> Result<Arc<dyn Authenticator>, AuthSetupError> {
    let rules = AccessRules::from(access);
    match flavor {
        AuthFlavor::None => Ok(Arc::new(NoAuth)),
        AuthFlavor::TrustedAuth => Ok(Arc::new(TrustedAuth::new(rules))),
        AuthFlavor::FakeAuth if !is_loopback(bind_host) => {
            Err(AuthSetupError::NotLoopback(bind_host.to_owned()))
        }
        AuthFlavor::FakeAuth => Ok(Arc::new(FakeAuth::new(rules))),
    }
}

/// Who owns images, who administers them, and whether strangers may read.
#[derive(Clone, Debug)]
struct AccessRules {
    admin_role: String,
    owner_is_user: bool,
    allow_anonymous: bool,
}

impl From<&AccessConfig> for AccessRules {
    fn from(config: &AccessConfig) -> Self {
        Self {
            admin_role: config.admin_role.to_lowercase(),
            owner_is_user: !config.owner_is_tenant,
            allow_anonymous: config.allow_anonymous_access,
        }
    }
}

impl AccessRules {
    /// Completes an identity that a strategy has established.
    fn apply(&self, mut identity: Identity) -> Identity {
        identity.owner_is_user = self.owner_is_user;
        identity.is_admin = identity.has_role(&self.admin_role);
        identity
    }

    /// What somebody without credentials is.
    fn stranger(&self) -> Result<Identity, AuthError> {
        if !self.allow_anonymous {
            return Err(AuthError::Unauthorized);
        }
        Ok(Identity {
            read_only: true,
            owner_is_user: self.owner_is_user,
            ..Identity::default()
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fakeauth_serves_loopback_only() {
        let access = AccessConfig::default();
        for host in ["127.0.0.1", "::1", "localhost"] {
            assert!(
                from_config(AuthFlavor::FakeAuth, &access, host).is_ok(),
                "{host}"
            );
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "example.com"] {
            let refusal = from_config(AuthFlavor::FakeAuth, &access, host).unwrap_err();
            assert_eq!(refusal, AuthSetupError::NotLoopback(host.to_owned()));
        }
    }
}
