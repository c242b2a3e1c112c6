//! Keystone says whose a token is, as keystonemiddleware's `auth_token` asks it.

mod account;
mod catalog;
mod error;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod validate;
mod verdict;

use std::sync::Arc;

use actix_http::RequestHead;
use actix_http::header::HeaderName;
use async_trait::async_trait;
use glance_config::KeystoneAuthtoken;
use glance_core::identity::Identity;
use glance_core::wire;

use crate::given::Given;
use crate::service_token::ServiceToken;
use crate::{AccessRules, AuthError, AuthSetupError, Authenticator};
use settings::Settings;
use verdict::Verdict;

pub use settings::SettingsError;
pub(crate) use validate::Validator;

const USER_TOKEN: HeaderName = HeaderName::from_static(wire::AUTH_TOKEN);
/// Swift's old name for it, which keystonemiddleware knows everywhere.
const STORAGE_TOKEN: HeaderName = HeaderName::from_static("x-storage-token");
const SERVICE_TOKEN: HeaderName = HeaderName::from_static(wire::SERVICE_TOKEN);

/// Flavor `keystone`. No identity header of a request is read: whoever sends one gains nothing.
#[derive(Debug)]
pub struct Keystone {
    rules: AccessRules,
    validator: Arc<Validator>,
}

impl Keystone {
    /// Asks nobody yet. Blocks to read the file of certificates.
    pub(crate) fn new(
        rules: AccessRules,
        config: &KeystoneAuthtoken,
    ) -> Result<Self, AuthSetupError> {
        let settings = Settings::try_from(config)?;
        let validator = Validator::new(settings)?.into();
        Ok(Self { rules, validator })
    }

    fn settings(&self) -> &Settings {
        self.validator.settings()
    }

    /// What the token in `X-Service-Token` allows: whether the user's may have expired. None: the
    /// request is to be refused.
    async fn service(&self, head: &RequestHead) -> Result<Option<bool>, AuthError> {
        let token = match Given::in_header(head, &SERVICE_TOKEN) {
            Given::Nothing => return Ok(Some(false)),
            Given::Hopeless => return Ok(None),
            Given::Token(token) => token,
        };
        let allows = match self.validator.verdict(token, false).await? {
            Verdict::Bad => None,
            Verdict::Good(verified) if verified.is_service => Some(true),
            Verdict::Good(_) if self.settings().service_roles_required => None,
            Verdict::Good(_) => Some(false),
        };
        Ok(allows)
    }

    /// Somebody without a valid token.
    fn refused(&self) -> Result<Identity, AuthError> {
        match self.settings().delay_decision {
            true => self.rules.stranger(),
            false => Err(AuthError::Rejected),
        }
    }
}

#[async_trait(?Send)]
impl Authenticator for Keystone {
    async fn authenticate(&self, head: &RequestHead) -> Result<Identity, AuthError> {
        let given = match head.headers().contains_key(&USER_TOKEN) {
            true => Given::in_header(head, &USER_TOKEN),
            false => Given::in_header(head, &STORAGE_TOKEN),
        };
        let Given::Token(token) = given else {
            return self.refused();
        };
        let Some(allow_expired) = self.service(head).await? else {
            return self.refused();
        };
        match self.validator.verdict(token, allow_expired).await? {
            Verdict::Good(verified) => Ok(self.rules.apply(verified.identity(token))),
            Verdict::Bad => self.refused(),
        }
    }

    fn challenge(&self) -> Option<&str> {
        Some(&self.settings().challenge)
    }

    fn service_token(&self) -> Option<ServiceToken> {
        Some(ServiceToken::keystone(self.validator.clone()))
    }
}
