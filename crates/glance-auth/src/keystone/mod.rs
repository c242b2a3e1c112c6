//! Keystone says whose a token is, as keystonemiddleware's `auth_token` asks it.

mod account;
mod cache;
mod catalog;
mod error;
mod link;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod validate;
mod verdict;

use std::fmt;
use std::sync::Arc;

use actix_http::RequestHead;
use actix_http::header::HeaderName;
use async_trait::async_trait;
use glance_config::KeystoneAuthtoken;
use glance_core::identity::{Identity, Token};
use glance_core::wire;

use crate::{AccessRules, AuthError, AuthSetupError, Authenticator};
use cache::Unknown;
use settings::Settings;
use validate::Validator;
use verdict::Verdict;

pub use settings::SettingsError;

const USER_TOKEN: HeaderName = HeaderName::from_static(wire::AUTH_TOKEN);
/// Swift's old name for it, which keystonemiddleware knows everywhere.
const STORAGE_TOKEN: HeaderName = HeaderName::from_static("x-storage-token");
const SERVICE_TOKEN: HeaderName = HeaderName::from_static(wire::SERVICE_TOKEN);

/// No kind of token is longer; Keystone itself takes 255 characters of most kinds.
const LONGEST_TOKEN: usize = 8192;

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
        let token = match token(head, &SERVICE_TOKEN) {
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
            true => token(head, &USER_TOKEN),
            false => token(head, &STORAGE_TOKEN),
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
        Some(ServiceToken(self.validator.clone()))
    }
}

impl From<Unknown> for AuthError {
    fn from(_: Unknown) -> Self {
        Self::Unavailable
    }
}

/// What a header says.
enum Given<'a> {
    Nothing,
    /// It cannot be anybody's token; Keystone need not be asked.
    Hopeless,
    Token(&'a str),
}

fn token<'a>(head: &'a RequestHead, name: &HeaderName) -> Given<'a> {
    let mut values = head.headers().get_all(name);
    let Some(value) = values.next() else {
        return Given::Nothing;
    };
    if value.is_empty() {
        return Given::Nothing;
    }
    let bytes = value.as_bytes();
    // Without a way out of the loop, which would keep it from looking at many bytes at once.
    let odd = |odd: bool, byte: &u8| odd | !byte.is_ascii_graphic();
    let plausible =
        bytes.len() <= LONGEST_TOKEN && values.next().is_none() && !bytes.iter().fold(false, odd);
    match std::str::from_utf8(bytes) {
        Ok(text) if plausible => Given::Token(text),
        _ => Given::Hopeless,
    }
}

/// A token of the daemon's own, for calls that no caller asked for. Clones share it.
#[derive(Clone)]
pub struct ServiceToken(Arc<Validator>);

impl ServiceToken {
    /// A token that is good for a while, or none if Keystone gives none now; why is in the log.
    pub async fn token(&self) -> Option<Token> {
        self.0.own_token().await
    }

    /// The token that we hold, if we do; nobody is asked for one.
    pub fn held(&self) -> Option<Token> {
        self.0.own_token_held()
    }

    /// Somebody refused the token: the next one will be another.
    pub fn refused(&self, token: &Token) {
        self.0.own_token_refused(token);
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken")
    }
}
