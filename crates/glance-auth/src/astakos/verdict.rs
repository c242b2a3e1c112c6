//! What Astakos says of a token.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use glance_core::identity::{Identity, Token};
use serde::Deserialize;

use crate::moment::moment;
use crate::token_cache;

/// An answer that refuses a token is passed on if it is no longer.
const LONGEST_REFUSAL: usize = 1024;

/// What Astakos answers to a token that it never gave.
const UNKNOWN_TOKEN: &str =
    r#"{"unauthorized": {"message": "Invalid token", "code": 401, "details": ""}}"#;

/// Whose a token is. Does not have the token itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uuid: String,
}

/// What is to be thought of a token.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is whose.
    Good(Arc<User>),
    /// It is nobody's: never given, expired, or of an inactive user. In Astakos' words.
    Bad(Arc<str>),
}

impl token_cache::Verdict for Verdict {
    fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    fn weight(&self) -> usize {
        64 + match self {
            Self::Good(user) => user.uuid.len(),
            Self::Bad(answer) => answer.len(),
        }
    }
}

/// Whose the token is, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) user: User,
    /// Zero for a token that has expired.
    pub(super) remaining: Duration,
}

/// Astakos' answer is none that we understand.
#[derive(Debug, thiserror::Error)]
#[error("Astakos' answer about a token is not understood")]
pub(super) struct NotUnderstood(#[source] Option<serde_json::Error>);

#[derive(Deserialize)]
struct Envelope {
    access: Access,
}

#[derive(Deserialize)]
struct Access {
    token: TokenBody,
    user: UserBody,
}

#[derive(Deserialize)]
struct TokenBody {
    expires: String,
}

#[derive(Deserialize)]
struct UserBody {
    id: String,
}

/// Reads the body of a good answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, NotUnderstood> {
    let Envelope { access } =
        serde_json::from_slice(body).map_err(|error| NotUnderstood(Some(error)))?;
    let expires = moment(&access.token.expires).ok_or(NotUnderstood(None))?;
    let uuid = access.user.id;
    if uuid.is_empty() {
        return Err(NotUnderstood(None));
    }
    Ok(Answer {
        user: User { uuid },
        remaining: (expires - Utc::now()).to_std().unwrap_or_default(),
    })
}

/// What of a refusal may be shown to the caller: text of a reasonable length, without his token.
pub(super) fn refusal(body: &[u8], token: &Token) -> Arc<str> {
    match std::str::from_utf8(body) {
        Ok(text) if text.len() <= LONGEST_REFUSAL && !text.contains(token.expose()) => text.into(),
        _ => "".into(),
    }
}

/// The refusal of a token that Astakos need not be asked about.
pub(super) fn unknown_token() -> Arc<str> {
    UNKNOWN_TOKEN.into()
}

impl User {
    /// The caller who came with this token.
    pub(super) fn identity(&self, token: &str) -> Identity {
        Identity {
            user: Some(self.uuid.clone()),
            tenant: Some(self.uuid.clone()),
            token: Some(Token::new(token)),
            ..Identity::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_guess() {
        for body in [
            "",
            "{}",
            r#"{"access": {"serviceCatalog": []}}"#,
            r#"{"access": {"token": {"expires": "soon"}, "user": {"id": "u"}}}"#,
            r#"{"access": {"token": {"expires": "2999-01-01T00:00:00+00:00"}, "user": {"id": ""}}}"#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refusal_repeats_no_token_and_no_novel() {
        let token = Token::new("t0ken");
        assert_eq!(&*refusal(b"no", &token), "no");
        assert_eq!(&*refusal(b"no t0ken of ours", &token), "");
        assert_eq!(&*refusal(&[b'x'; 2000], &token), "");
        assert_eq!(&*refusal(&[0xff], &token), "");
    }
}
