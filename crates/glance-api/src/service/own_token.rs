//! The daemon's own token, for calls to the registry that no caller asked for.

use glance_auth::ServiceToken;
use glance_core::identity::Token;

/// How the daemon proves to the registry who it is, in calls that no caller asked for.
#[derive(Clone, Debug)]
pub enum OwnToken {
    /// By identity headers, or not at all.
    None,
    /// By a fake token (flavor `fakeauth`).
    Fake,
    /// By a token of Keystone's, or by the one that the section `astakos` has.
    Real(ServiceToken),
}

impl OwnToken {
    /// A token that is good now. None if there is none to be had; why is in the log.
    pub async fn get(&self, admin_role: &str) -> Option<Token> {
        match self {
            Self::None => None,
            Self::Fake => Some(Token::new(format!("glance:service:{admin_role}"))),
            Self::Real(source) => source.token().await,
        }
    }

    /// The registry refused the token: the next one will be another, if there are others.
    pub(super) fn refused(&self, token: Option<&Token>) {
        if let (Self::Real(source), Some(token)) = (self, token) {
            source.refused(token);
        }
    }
}
