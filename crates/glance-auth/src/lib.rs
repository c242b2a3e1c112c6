//! Who is asking: one strategy per file behind one trait.
//!
//! Flavors have Glance's names (`[paste_deploy] flavor`). What a caller may do is not decided here.

mod astakos;
mod complaints;
mod fake;
mod given;
mod headers;
mod keystone;
mod link;
mod moment;
mod none;
mod service_token;
#[cfg(test)]
mod stub;
mod token_cache;
mod trusted;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use actix_http::RequestHead;
use async_trait::async_trait;
use glance_config::{AccessConfig, AstakosConfig, AuthFlavor, KeystoneAuthtoken};
use glance_core::identity::Identity;
use glance_net::tls::TlsError;
use thiserror::Error;

use token_cache::Unknown;

pub use astakos::{Astakos, AstakosSettingsError};
pub use fake::FakeAuth;
pub use keystone::{Keystone, SettingsError};
pub use none::NoAuth;
pub use service_token::ServiceToken;
pub use trusted::TrustedAuth;

/// Why a request has no identity.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AuthError {
    /// No credentials, or wrong ones: 401.
    #[error("the request carries no valid credentials")]
    Unauthorized,
    /// No token, or a wrong one: 401 in keystonemiddleware's words, [`REJECTION`].
    #[error("the request carries no valid token")]
    Rejected,
    /// A token that Astakos refuses: 401. It has what Astakos answered, which Synnefo passes on.
    #[error("Astakos refuses the token")]
    Refused(Arc<str>),
    /// It cannot be found out now: 503.
    #[error("tokens cannot be validated now")]
    Unavailable,
    /// The identity that came with the request cannot be read: 400.
    #[error("{0}")]
    Malformed(&'static str),
}

/// The body of keystonemiddleware's 401, which is JSON whatever `Accept` says.
pub const REJECTION: &str = "{\"error\": {\"code\": 401, \"title\": \"Unauthorized\", \
     \"message\": \"The request you have made requires authentication.\"}}";

/// Why a strategy cannot be used with this configuration.
#[derive(Debug, Error)]
pub enum AuthSetupError {
    /// `fakeauth` believes everybody, so it serves this machine only.
    #[error(
        "[paste_deploy] flavor = fakeauth is for tests and serves loopback addresses only, \
         but bind_host is {0}"
    )]
    NotLoopback(String),
    /// Keystone cannot be used as it is configured.
    #[error(transparent)]
    Keystone(#[from] SettingsError),
    /// The certificates for Keystone cannot be used.
    #[error("[keystone_authtoken] cafile cannot be used")]
    Tls(#[from] TlsError),
    /// Astakos cannot be used as it is configured.
    #[error(transparent)]
    Astakos(#[from] AstakosSettingsError),
    /// The certificates for Astakos cannot be used.
    #[error("[astakos] cafile cannot be used")]
    AstakosTls(#[source] TlsError),
}

/// Finds out who sent a request.
#[async_trait(?Send)]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// The caller, by what the request's head says. Reads no body and blocks no thread.
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError>;

    /// What every 401 says in `WWW-Authenticate`, if it says anything.
    fn challenge(&self) -> Option<&str> {
        None
    }

    /// Where the daemon gets a token of its own, if callers are known by tokens.
    fn service_token(&self) -> Option<ServiceToken> {
        None
    }
}

/// The strategy that the configuration names. `bind_host` is where the daemon will listen. Asks
/// nobody, but blocks to read files.
pub fn from_config(
    flavor: AuthFlavor,
    access: &AccessConfig,
    keystone: &KeystoneAuthtoken,
    astakos: &AstakosConfig,
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
        AuthFlavor::Keystone => Ok(Arc::new(Keystone::new(rules, keystone)?)),
        AuthFlavor::Astakos => Ok(Arc::new(Astakos::for_daemons(rules, astakos)?)),
    }
}

impl From<Unknown> for AuthError {
    fn from(_: Unknown) -> Self {
        Self::Unavailable
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

/// A Unix socket is for this machine, too.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.starts_with("unix:")
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
        let open = |host: &str| {
            let keystone = KeystoneAuthtoken::default();
            let astakos = AstakosConfig::default();
            from_config(AuthFlavor::FakeAuth, &access, &keystone, &astakos, host)
        };
        for host in ["127.0.0.1", "::1", "localhost", "unix:/run/r.sock"] {
            assert!(open(host).is_ok(), "{host}");
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "example.com"] {
            let refusal = open(host).unwrap_err();
            assert!(matches!(refusal, AuthSetupError::NotLoopback(named) if named == host));
        }
    }
}
