//! The daemon's own token, for calls that no caller asked for.

use std::fmt;
use std::sync::Arc;

use glance_core::identity::Token;

use crate::keystone::Validator;

/// A token of the daemon's own, for calls that no caller asked for. Clones share it.
#[derive(Clone)]
pub struct ServiceToken(Source);

/// Where it comes from.
#[derive(Clone)]
enum Source {
    /// Keystone gives it for our credentials.
    Keystone(Arc<Validator>),
    /// The configuration has it.
    Configured(Token),
}

impl ServiceToken {
    pub(crate) fn keystone(validator: Arc<Validator>) -> Self {
        Self(Source::Keystone(validator))
    }

    pub(crate) fn configured(token: Token) -> Self {
        Self(Source::Configured(token))
    }

    /// A token that is good for a while, or none if there is none to be had now; why is in the log.
    pub async fn token(&self) -> Option<Token> {
        match &self.0 {
            Source::Keystone(validator) => validator.own_token().await,
            Source::Configured(token) => Some(token.clone()),
        }
    }

    /// The token that we hold, if we do; nobody is asked for one.
    pub fn held(&self) -> Option<Token> {
        match &self.0 {
            Source::Keystone(validator) => validator.own_token_held(),
            Source::Configured(token) => Some(token.clone()),
        }
    }

    /// Somebody refused the token: the next one will be another, if there are others.
    pub fn refused(&self, token: &Token) {
        if let Source::Keystone(validator) = &self.0 {
            validator.own_token_refused(token);
        }
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken")
    }
}
