//! Why it cannot be found out whose a token is, in words for the operator.

use std::sync::{Arc, Mutex, PoisonError};

use glance_config::chain;
use thiserror::Error;

use super::link::LinkError;
use super::verdict::NotUnderstood;

/// What is wrong with Keystone, or with what it is told.
#[derive(Debug, Error)]
pub(super) enum KeystoneError {
    /// No answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// We do not get a token.
    #[error("{who} of [keystone_authtoken] gets no token: status {status}")]
    Login {
        /// As whom we asked.
        who: String,
        /// Keystone's answer.
        status: u16,
    },
    /// Our token is not good enough to validate others.
    #[error("{who} of [keystone_authtoken] may not validate tokens: status {status}")]
    Forbidden {
        /// As whom we asked.
        who: String,
        /// Keystone's answer.
        status: u16,
    },
    /// Another status than any that is expected.
    #[error("it answers a question about a token with status {0}")]
    Status(u16),
    /// The answer about a token makes no sense.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    /// The answer to our login makes no sense.
    #[error("its answer to our login is not understood")]
    Odd(#[source] Option<serde_json::Error>),
}

impl KeystoneError {
    pub(super) fn odd(error: serde_json::Error) -> Self {
        Self::Odd(Some(error))
    }

    /// Our credentials are refused: asking again will not help.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Login {
                status: 400..=499,
                ..
            }
        )
    }
}

/// Tells the operator once, for as long as the reason stays the same, and when it is over.
#[derive(Debug)]
pub(super) struct Complaints {
    base: String,
    last: Mutex<Option<String>>,
}

impl Complaints {
    pub(super) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            last: Mutex::new(None),
        }
    }

    pub(super) fn complain(&self, error: &Arc<KeystoneError>) {
        // It says nothing new.
        if matches!(**error, KeystoneError::Link(LinkError::Waiting)) {
            return;
        }
        let reason = chain(&**error);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&reason) {
            log::error!(
                "Keystone at {}: {reason}; requests whose tokens are not known yet get 503",
                self.base
            );
            *last = Some(reason);
        }
    }

    pub(super) fn is_well(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            log::info!("Keystone at {} validates tokens again", self.base);
        }
    }
}
