//! Why it cannot be found out whose a token is, in words for the operator.

use thiserror::Error;

use super::verdict::NotUnderstood;
use crate::link::LinkError;

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

    /// Nothing was found out by it that was not known before.
    pub(super) fn is_old_news(&self) -> bool {
        matches!(self, Self::Link(LinkError::Waiting))
    }
}
