//! Astakos, Synnefo's identity service, says whose a token is.
//!
//! A user's UUID is both user and tenant: images belong to it either way. Synnefo's image API shows
//! UUIDs only, so nobody is asked for display names; clients turn them into UUIDs themselves.

mod settings;
#[cfg(test)]
mod tests;
mod validate;
mod verdict;

use std::borrow::Cow;
use std::sync::Arc;

use actix_http::RequestHead;
use actix_http::header::HeaderName;
use async_trait::async_trait;
use glance_config::{AccessConfig, AstakosConfig};
use glance_core::identity::{Identity, Token};
use glance_core::wire;
use percent_encoding::percent_decode_str;

use crate::given::Given;
use crate::service_token::ServiceToken;
use crate::token_cache::{Key, key};
use crate::{AccessRules, AuthError, AuthSetupError, Authenticator};
use settings::Settings;
use validate::Validator;
use verdict::{Verdict, unknown_token};

pub use settings::AstakosSettingsError;

const USER_TOKEN: HeaderName = HeaderName::from_static(wire::AUTH_TOKEN);
/// The token in a query; Synnefo heeds case here.
const PARAMETER: &str = "X-Auth-Token";

/// Flavor `astakos`, and the callers of the dialect plankton. No identity header of a request is
/// read: whoever sends one gains nothing.
#[derive(Debug)]
pub struct Astakos {
    rules: AccessRules,
    validator: Arc<Validator>,
    admin_users: Vec<String>,
    own: Option<Own>,
}

/// The token that the daemons share.
#[derive(Debug)]
struct Own {
    token: Token,
    key: Key,
}

impl Astakos {
    /// For users: nobody is an administrator by what is configured for the flavor, and nobody is let
    /// in without a token. Asks nobody yet; blocks to read the file of certificates.
    ///
    /// # Errors
    ///
    /// What is wrong with the section `astakos`.
    pub fn for_users(
        access: &AccessConfig,
        config: &AstakosConfig,
    ) -> Result<Self, AuthSetupError> {
        let rules = AccessRules {
            allow_anonymous: false,
            ..AccessRules::from(access)
        };
        Self::new(rules, config)
    }

    /// The flavor: knows administrators, and the other daemon.
    pub(crate) fn for_daemons(
        rules: AccessRules,
        config: &AstakosConfig,
    ) -> Result<Self, AuthSetupError> {
        let own = settings::service_token(config)?.map(|token| Own {
            key: key(token.expose(), false),
            token,
        });
        Ok(Self {
            admin_users: config.admin_users.clone(),
            own,
            ..Self::new(rules, config)?
        })
    }

    fn new(rules: AccessRules, config: &AstakosConfig) -> Result<Self, AuthSetupError> {
        let settings = Settings::try_from(config)?;
        let validator = Validator::new(&settings).map_err(AuthSetupError::AstakosTls)?;
        Ok(Self {
            rules,
            validator: validator.into(),
            admin_users: Vec::new(),
            own: None,
        })
    }

    /// Whether it is the other daemon who calls. Compares hashes, so that the time it takes says
    /// nothing.
    fn is_own(&self, token: &str) -> bool {
        self.own
            .as_ref()
            .is_some_and(|own| own.key == key(token, false))
    }

    async fn caller(&self, token: &str) -> Result<Identity, AuthError> {
        if self.is_own(token) {
            return Ok(Identity {
                token: Some(Token::new(token)),
                owner_is_user: self.rules.owner_is_user,
                ..Identity::service(&self.rules.admin_role)
            });
        }
        match self.validator.verdict(token).await? {
            Verdict::Good(user) => {
                let mut identity = self.rules.apply(user.identity(token));
                // Whatever Astakos may call a role, it is not ours.
                identity.is_admin = self.admin_users.contains(&user.uuid);
                Ok(identity)
            }
            Verdict::Bad(answer) => Err(AuthError::Refused(answer)),
        }
    }
}

#[async_trait(?Send)]
impl Authenticator for Astakos {
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError> {
        // As Synnefo does: the query before the header, unless it is empty.
        let parameter = parameter(head.uri.query().unwrap_or_default());
        let given = match &parameter {
            Some(text) if !text.is_empty() => Given::read(text),
            _ => Given::in_header(head, &USER_TOKEN),
        };
        match given {
            Given::Nothing => self.rules.stranger(),
            Given::Hopeless => Err(AuthError::Refused(unknown_token())),
            Given::Token(token) => self.caller(token).await,
        }
    }

    fn service_token(&self) -> Option<ServiceToken> {
        let own = self.own.as_ref()?;
        Some(ServiceToken::configured(own.token.clone()))
    }
}

/// The token in a query; the last one counts.
fn parameter(query: &str) -> Option<Cow<'_, [u8]>> {
    let mut pairs = query.rsplit('&').map(|pair| pair.split_once('='));
    let (_, value) = pairs.find_map(|pair| pair.filter(|(name, _)| *name == PARAMETER))?;
    Some(percent_decode_str(value).into())
}
