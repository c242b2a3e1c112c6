//! From a token to a verdict: what is cached, what is being asked, and the question itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Token;
use glance_net::tls::TlsError;
use hyper::Method;
use serde_json::json;
use thiserror::Error;

use super::settings::Settings;
use super::verdict::{Answer, NotUnderstood, Verdict, read, refusal, unknown_token};
use crate::complaints::Complaints;
use crate::link::{Call, Link, LinkError, Peer};
use crate::token_cache::{Found, Question, TokenCache, Unknown, key};

/// Why it cannot be found out whose a token is.
#[derive(Debug, Error)]
enum AstakosError {
    /// No answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Another status than any that is expected.
    #[error("it answers a question about a token with status {0}")]
    Status(u16),
    /// The answer makes no sense.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
}

/// Finds out whose tokens are.
pub(super) struct Validator {
    base: String,
    link: Link,
    cache: Arc<TokenCache<Verdict>>,
    complaints: Complaints,
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Validator {
    pub(super) fn new(settings: &Settings) -> Result<Self, TlsError> {
        let peer = Peer {
            name: "Astakos",
            base: &settings.base,
            attempt: settings.attempt,
            retries: settings.retries,
            ca_file: settings.ca_file.as_deref(),
            insecure: settings.insecure,
        };
        Ok(Self {
            link: Link::new(&peer)?,
            cache: TokenCache::new(settings.cache_time),
            complaints: Complaints::new(peer.name, peer.base),
            base: settings.base.clone(),
        })
    }

    /// Whose `token` is.
    pub(super) async fn verdict(self: &Arc<Self>, token: &str) -> Result<Verdict, Unknown> {
        let waiting = match self.cache.look_up(key(token, false)) {
            Found::Known(verdict) => return Ok(verdict),
            Found::Asked(waiting) => waiting,
            Found::Nothing(question, waiting) => {
                // A task of its own: others wait for it when this caller has gone.
                let (this, token) = (self.clone(), Token::new(token));
                tokio::spawn(async move { this.find_out(question, &token).await });
                waiting
            }
        };
        waiting.outcome().await
    }

    async fn find_out(&self, question: Question<Verdict>, token: &Token) {
        match self.ask(token).await {
            Ok((verdict, lasting)) => {
                self.complaints.is_well();
                question.answer(Ok(verdict), lasting);
            }
            Err(error) => {
                // A call that was not even made says nothing new.
                if !matches!(error, AstakosError::Link(LinkError::Waiting)) {
                    self.complaints.complain(&error);
                }
                question.answer(Err(Unknown), Duration::ZERO);
            }
        }
    }

    /// The verdict, and how long it may be believed.
    async fn ask(&self, token: &Token) -> Result<(Verdict, Duration), AstakosError> {
        let body = json!({ "auth": { "token": { "id": token.expose() } } });
        let call = Call {
            method: Method::POST,
            target: "/tokens",
            headers: &[],
            body: Bytes::from(body.to_string()),
        };
        let reply = self.link.call(call).await?;
        match reply.status {
            200 | 203 => {
                let Answer { user, remaining } = read(&reply.body)?;
                match remaining.is_zero() {
                    true => Ok((Verdict::Bad(unknown_token()), Duration::ZERO)),
                    false => Ok((Verdict::Good(user.into()), remaining)),
                }
            }
            // 400 and 413 are for texts that cannot be tokens.
            400 | 401 | 413 => Ok((Verdict::Bad(refusal(&reply.body, token)), Duration::ZERO)),
            status => Err(AstakosError::Status(status)),
        }
    }
}
