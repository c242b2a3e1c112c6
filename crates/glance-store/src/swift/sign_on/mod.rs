//! Tokens: had once for all requests, and again before they end or when Swift refuses them.

mod catalogue;
mod v1;
mod v2;
mod v3;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use glance_config::{SwiftAuthVersion, SwiftDomain};
use hyper::header::HeaderValue;
use tokio::sync::Mutex;

pub(super) use catalogue::{Choice, endpoint};

use super::answer::{Answer, drain};
use super::error::SwiftError;
use crate::error::StoreError;
use crate::net::client::ServerClient;

/// Those who come within this time after a failure share it.
const FAILURE_LASTS: Duration = Duration::from_secs(1);

/// What the answers of the service may have.
const BODY_LIMIT: usize = 4 << 20;

/// Who we are, and to whom.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    /// With its scheme, without a slash at its end.
    pub(super) auth_url: String,
    pub(super) user: String,
    pub(super) key: String,
    pub(super) version: SwiftAuthVersion,
    pub(super) user_domain: SwiftDomain,
    pub(super) project_domain: SwiftDomain,
}

impl Credentials {
    /// Project and user, as Keystone wants them.
    fn project_and_user(&self) -> Result<(&str, &str), StoreError> {
        let parts = self.user.split_once(':');
        let parts = parts.filter(|(_, user)| !user.contains(':'));
        parts.ok_or(StoreError::BadLocation)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Leave to use an account for a while.
pub(super) struct Ticket {
    /// For the header `X-Auth-Token`.
    pub(super) token: HeaderValue,
    /// Where the account is, without a slash at its end.
    pub(super) storage_url: String,
    /// When another one is needed. None: when it is refused.
    renewal: Option<Instant>,
}

impl Ticket {
    /// `lifetime` is counted from `begin`, a moment before it was given.
    fn new(
        token: &str,
        storage_url: &str,
        lifetime: Option<Duration>,
        begin: Instant,
        expire_soon: Duration,
    ) -> Result<Self, StoreError> {
        // Of a token that lives shortly at all, half its life is soon enough.
        let renewal = lifetime.map(|life| begin + life.saturating_sub(expire_soon).max(life / 2));
        Ok(Self {
            token: secret(token)?,
            storage_url: storage_url.trim_end_matches('/').to_owned(),
            renewal,
        })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

/// A header that is not shown.
pub(super) fn secret(text: &str) -> Result<HeaderValue, StoreError> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| SwiftError::Unusable("it cannot be a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// One user's tokens.
pub(super) struct SignOn {
    client: ServerClient,
    credentials: Credentials,
    choice: Arc<Choice>,
    expire_soon: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ticket: Option<Arc<Ticket>>,
    failed: Option<Instant>,
}

impl SignOn {
    pub(super) fn new(
        client: ServerClient,
        credentials: Credentials,
        choice: Arc<Choice>,
        expire_soon: Duration,
    ) -> Self {
        Self {
            client,
            credentials,
            choice,
            expire_soon,
            state: Mutex::default(),
        }
    }

    /// A ticket that is good for a while and is not `refused`.
    pub(super) async fn ticket(&self, refused: Option<&Ticket>) -> Result<Arc<Ticket>, StoreError> {
        // Held while a token is on its way: who needs it meanwhile waits here for the same one.
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(ticket) = &state.ticket
            && ticket.renewal.is_none_or(|renewal| now < renewal)
            && refused.is_none_or(|refused| refused.token != ticket.token)
        {
            return Ok(ticket.clone());
        }
        if state
            .failed
            .is_some_and(|failed| now < failed + FAILURE_LASTS)
        {
            return Err(SwiftError::NoToken.into());
        }
        let fetched = self.fetch(now).await;
        state.failed = fetched.is_err().then(Instant::now);
        let ticket = Arc::new(fetched?);
        state.ticket = Some(ticket.clone());
        Ok(ticket)
    }

    async fn fetch(&self, begin: Instant) -> Result<Ticket, StoreError> {
        let grant = match self.credentials.version {
            SwiftAuthVersion::V1 => v1::grant(&self.client, &self.credentials).await?,
            SwiftAuthVersion::V2 => {
                v2::grant(&self.client, &self.credentials, &self.choice).await?
            }
            SwiftAuthVersion::V3 => {
                v3::grant(&self.client, &self.credentials, &self.choice).await?
            }
        };
        let storage_url = self.choice.endpoint.clone().or(grant.storage_url);
        let storage_url = storage_url.ok_or(SwiftError::NoEndpoint)?;
        Ticket::new(
            &grant.token,
            &storage_url,
            grant.lifetime,
            begin,
            self.expire_soon,
        )
    }
}

impl fmt::Debug for SignOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOn").finish_non_exhaustive()
    }
}

/// What a service gave.
struct Grant {
    token: String,
    storage_url: Option<String>,
    lifetime: Option<Duration>,
}

/// The time between two moments of a service's own clock, which may differ from ours.
fn lifetime(issued: Option<&str>, expires: Option<&str>) -> Option<Duration> {
    let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let expires = moment(expires?)?.with_timezone(&Utc);
    let issued = issued
        .and_then(moment)
        .map(|issued| issued.with_timezone(&Utc));
    (expires - issued.unwrap_or_else(Utc::now)).to_std().ok()
}

/// Only a success passes.
async fn granted(client: &ServerClient, answer: Answer) -> Result<Answer, StoreError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    drain(answer, client.patience()).await;
    Err(match status.as_u16() {
        401 | 403 => SwiftError::Credentials.into(),
        other => SwiftError::SignOn(other).into(),
    })
}
