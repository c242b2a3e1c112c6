//! From a token to a verdict: what is cached, what is being asked, and the question itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Token;
use glance_net::tls::TlsError;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};

use super::account::Account;
use super::error::KeystoneError;
use super::settings::Settings;
use super::verdict::{Answer, Verdict, read};
use crate::complaints::Complaints;
use crate::link::{Call, Link, Peer};
use crate::token_cache::{Found, Question, TokenCache, Unknown, key};

const OURS: HeaderName = HeaderName::from_static("x-auth-token");
const SUBJECT: HeaderName = HeaderName::from_static("x-subject-token");

/// Finds out whose tokens are.
pub(crate) struct Validator {
    settings: Arc<Settings>,
    link: Arc<Link>,
    account: Account,
    cache: Arc<TokenCache<Verdict>>,
    complaints: Complaints,
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator")
            .field("base", &self.settings.base)
            .finish_non_exhaustive()
    }
}

impl Validator {
    pub(super) fn new(settings: Settings) -> Result<Self, TlsError> {
        let peer = Peer {
            name: "Keystone",
            base: &settings.base,
            attempt: settings.attempt,
            retries: settings.retries,
            ca_file: settings.tls.ca_file.as_deref(),
            insecure: settings.tls.insecure,
        };
        let link = Arc::new(Link::new(&peer)?);
        let settings = Arc::new(settings);
        Ok(Self {
            account: Account::new(link.clone(), settings.clone()),
            cache: TokenCache::new(settings.cache_time),
            complaints: Complaints::new("Keystone", &settings.base),
            settings,
            link,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whose `token` is. `allow_expired`: it may have expired, if it was good before.
    pub(super) async fn verdict(
        self: &Arc<Self>,
        token: &str,
        allow_expired: bool,
    ) -> Result<Verdict, Unknown> {
        if allow_expired && let Some(good @ Verdict::Good(_)) = self.cache.known(&key(token, false))
        {
            return Ok(good);
        }
        let waiting = match self.cache.look_up(key(token, allow_expired)) {
            Found::Known(verdict) => return Ok(verdict),
            Found::Asked(waiting) => waiting,
            Found::Nothing(question, waiting) => {
                // A task of its own: others wait for it when this caller has gone.
                let (this, token) = (self.clone(), Token::new(token));
                tokio::spawn(async move { this.find_out(question, &token, allow_expired).await });
                waiting
            }
        };
        waiting.outcome().await
    }

    async fn find_out(&self, question: Question<Verdict>, token: &Token, allow_expired: bool) {
        match self.ask(token, allow_expired).await {
            Ok(answer) => {
                self.complaints.is_well();
                let (verdict, lasting) = self.judge(answer, allow_expired);
                question.answer(Ok(verdict), lasting);
            }
            Err(error) => {
                self.complain(&error);
                question.answer(Err(Unknown), Duration::ZERO);
            }
        }
    }

    /// The verdict, and how long it may be believed.
    fn judge(&self, answer: Option<Answer>, allow_expired: bool) -> (Verdict, Duration) {
        match answer {
            Some(answer) if !answer.remaining.is_zero() => {
                (Verdict::Good(answer.verified.into()), answer.remaining)
            }
            Some(answer) if allow_expired => {
                let lasting = self.settings.cache_time.unwrap_or_default();
                (Verdict::Good(answer.verified.into()), lasting)
            }
            _ => (Verdict::Bad, Duration::ZERO),
        }
    }

    /// Asks Keystone; a second time with a new token of ours if it does not take the old one.
    async fn ask(
        &self,
        token: &Token,
        allow_expired: bool,
    ) -> Result<Option<Answer>, Arc<KeystoneError>> {
        let Ok(mut subject) = HeaderValue::from_str(token.expose()) else {
            return Ok(None);
        };
        subject.set_sensitive(true);
        let target = match (self.settings.with_catalog, allow_expired) {
            (true, false) => "/auth/tokens",
            (true, true) => "/auth/tokens?allow_expired=1",
            (false, false) => "/auth/tokens?nocatalog",
            (false, true) => "/auth/tokens?nocatalog&allow_expired=1",
        };
        let mut renewed = false;
        loop {
            let ours = self.account.token().await?;
            let call = Call {
                method: Method::GET,
                target,
                headers: &[(OURS, ours.token.clone()), (SUBJECT, subject.clone())],
                body: Bytes::new(),
            };
            let reply = self.link.call(call).await.map_err(KeystoneError::from)?;
            match reply.status {
                200 | 203 => {
                    let answer = read(&reply.body, &self.settings).map_err(KeystoneError::from)?;
                    return Ok(answer);
                }
                401 if !renewed => {
                    self.account.forget(&ours);
                    renewed = true;
                }
                // 404 is Keystone's word for a token of nobody's; the others are for texts that
                // cannot be tokens.
                400 | 404 | 413 | 414 | 431 => return Ok(None),
                status @ (401 | 403) => {
                    let who = self.settings.login_name.clone();
                    return Err(KeystoneError::Forbidden { who, status }.into());
                }
                status => return Err(KeystoneError::Status(status).into()),
            }
        }
    }

    fn complain(&self, error: &KeystoneError) {
        if !error.is_old_news() {
            self.complaints.complain(error);
        }
    }

    /// Our own token, if there is one to be had.
    pub(crate) async fn own_token(&self) -> Option<Token> {
        match self.account.token().await {
            Ok(held) => held.token.to_str().ok().map(Token::new),
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    pub(crate) fn own_token_held(&self) -> Option<Token> {
        let held = self.account.held_alive()?;
        held.token.to_str().ok().map(Token::new)
    }

    pub(crate) fn own_token_refused(&self, token: &Token) {
        self.account.forget_text(token.expose());
    }
}
