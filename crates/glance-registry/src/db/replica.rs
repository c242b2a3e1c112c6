//! A copy of the database that answers lists in its place, for as long as it answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::error::DbError;
use super::pool::Pool;
use super::readers::{Kind, Readers};

/// What a replica has for an answer before the database itself is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a replica that did not answer is left alone.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Replica {
    readers: Readers,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    /// Since it did not answer: when it is asked again.
    again: Option<Instant>,
}

impl Replica {
    pub(super) fn new(readers: Readers) -> Self {
        Self {
            readers,
            health: Mutex::default(),
        }
    }

    /// Whether to ask it. Of those that ask when its pause is over, one finds out for all.
    pub(super) fn is_up(&self) -> bool {
        let mut health = self.lock();
        let Some(again) = health.again else {
            return true;
        };
        let now = Instant::now();
        if now < again {
            return false;
        }
        health.again = Some(now + PAUSE);
        true
    }

    /// Asks it, and notes whether it answered. An error is no reason to refuse a request.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let silent = |_| DbError::Unavailable("it does not answer in time".to_owned());
        let answer = timeout(PATIENCE, self.readers.ask(Kind::Read, work)).await;
        let answer = answer.map_err(silent).and_then(|answer| answer);
        match &answer {
            Err(error @ (DbError::Unavailable(_) | DbError::Failed(_))) => self.failed(error),
            _ => self.answered(),
        }
        answer
    }

    fn failed(&self, error: &DbError) {
        let mut health = self.lock();
        if health.again.replace(Instant::now() + PAUSE).is_none() {
            let error = glance_config::chain(error);
            log::warn!("the replica is left out until it answers: {error}");
        }
    }

    fn answered(&self) {
        let mut health = self.lock();
        if health.again.take().is_some() {
            log::warn!("the replica answers again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
