//! Our own token: got, kept, renewed before it expires.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::error::KeystoneError;
use super::settings::Settings;
use crate::link::{Call, Link};
use crate::moment::moment;

const SUBJECT: HeaderName = HeaderName::from_static("x-subject-token");
/// A token is renewed so long before it expires, or at three quarters of a short life.
const EARLY: Duration = Duration::from_secs(120);
/// Credentials that were refused are not tried again sooner: some Keystones lock the user out.
const REFUSED: Duration = Duration::from_secs(5);

/// A token of ours.
pub(super) struct Held {
    /// Not shown in any log.
    pub(super) token: HeaderValue,
    renew: Instant,
    dead: Instant,
}

/// Our account with Keystone.
pub(super) struct Account {
    link: Arc<Link>,
    settings: Arc<Settings>,
    held: Mutex<Option<Arc<Held>>>,
    /// Whoever holds it logs in.
    door: tokio::sync::Mutex<Option<Failed>>,
}

/// The last login, which failed.
struct Failed {
    at: Instant,
    error: Arc<KeystoneError>,
}

#[derive(Deserialize)]
struct Envelope {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    issued_at: Option<String>,
    expires_at: String,
}

impl Account {
    pub(super) fn new(link: Arc<Link>, settings: Arc<Settings>) -> Self {
        Self {
            link,
            settings,
            held: Mutex::new(None),
            door: tokio::sync::Mutex::new(None),
        }
    }

    /// Our token. Whoever finds none asks for one; others wait for his.
    pub(super) async fn token(&self) -> Result<Arc<Held>, Arc<KeystoneError>> {
        let begin = Instant::now();
        let before = self.held();
        if let Some(held) = before.as_ref().filter(|held| begin < held.renew) {
            return Ok(held.clone());
        }
        let alive = before.filter(|held| begin < held.dead);
        let mut door = match (self.door.try_lock(), alive.clone()) {
            (Ok(door), _) => door,
            // Somebody is renewing it; it still works.
            (Err(_), Some(alive)) => return Ok(alive),
            (Err(_), None) => self.door.lock().await,
        };
        if let Some(held) = self.held().filter(|held| begin < held.renew) {
            return Ok(held);
        }
        if let Some(failed) = &*door
            && (failed.at > begin || (failed.error.is_refusal() && failed.at.elapsed() < REFUSED))
        {
            return alive.ok_or_else(|| failed.error.clone());
        }
        match self.log_in().await {
            Ok(held) => {
                *door = None;
                let held = Arc::new(held);
                *self.slot() = Some(held.clone());
                Ok(held)
            }
            Err(error) => {
                let error = Arc::new(error);
                *door = Some(Failed {
                    at: Instant::now(),
                    error: error.clone(),
                });
                alive.ok_or(error)
            }
        }
    }

    /// Keystone no longer takes this token.
    pub(super) fn forget(&self, held: &Arc<Held>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|now| Arc::ptr_eq(now, held)) {
            *slot = None;
        }
    }

    /// The same, by the text of the token.
    pub(super) fn forget_text(&self, token: &str) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|now| now.token == token) {
            *slot = None;
        }
    }

    /// The token that is there, if it has not expired.
    pub(super) fn held_alive(&self) -> Option<Arc<Held>> {
        self.held().filter(|held| Instant::now() < held.dead)
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.slot().clone()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn log_in(&self) -> Result<Held, KeystoneError> {
        let call = Call {
            method: Method::POST,
            target: "/auth/tokens?nocatalog",
            headers: &[],
            body: Bytes::copy_from_slice(self.settings.login.reveal().as_bytes()),
        };
        let mut reply = self.link.call(call).await?;
        match reply.status {
            200 | 201 => {}
            status => {
                let who = self.settings.login_name.clone();
                return Err(KeystoneError::Login { who, status });
            }
        }
        let received = Instant::now();
        let Envelope { token: body } =
            serde_json::from_slice(&reply.body).map_err(KeystoneError::odd)?;
        let mut token = reply
            .headers
            .remove(SUBJECT)
            .ok_or(KeystoneError::Odd(None))?;
        token.set_sensitive(true);
        // By Keystone's own clock, if it says when it began.
        let begin = body.issued_at.as_deref().and_then(moment);
        let end = moment(&body.expires_at).ok_or(KeystoneError::Odd(None))?;
        let life = end - begin.unwrap_or_else(chrono::Utc::now);
        let life = life.to_std().map_err(|_| KeystoneError::Odd(None))?;
        Ok(Held {
            token,
            renew: received + life - EARLY.min(life / 4),
            dead: received + life,
        })
    }
}
