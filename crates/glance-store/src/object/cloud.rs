//! A cloud's store as the rest of this folder uses it: one client, one place, one way to publish.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::attempt::Abandoned;
use super::error::{Act, told};
use super::place::Place;
use super::token::Token;
use crate::error::StoreError;
use crate::net::pause::pause;
use crate::parallel::Parallel;

/// How often it is looked again for what may still arrive.
const ARRIVALS: u32 = 2;

/// How often the removal of what must not remain is tried.
const ATTEMPTS: u32 = 15;

/// How data that was sent in parts gets its name without replacing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publishing {
    /// The parts are put together under another name, which is copied if there is nothing.
    Copy,
    /// The request that puts the parts together is refused if there is something.
    CreateOnly,
}

/// What an upload, a download and whatever is left to a task of its own share.
pub(super) struct Cloud {
    pub(super) name: &'static str,
    pub(super) client: Arc<dyn ObjectStore>,
    pub(super) publishing: Publishing,
    pub(super) place: Place,
    /// A deletion would not tell that nothing was there, or would hit an upload that goes on.
    pub(super) asks_before_deleting: bool,
    /// Bytes.
    pub(super) part_size: u64,
    /// How many parts the server takes.
    pub(super) most_parts: u32,
    pub(super) parallel: Parallel,
    pub(super) abandoned: Abandoned,
    /// For each step of the server.
    pub(super) patience: Duration,
}

impl fmt::Debug for Cloud {
    // The client's own would show credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Cloud {
    /// What `error` means to the service.
    pub(super) fn told(&self, act: Act, error: &object_store::Error) -> StoreError {
        told(self.name, act, error)
    }

    /// What is known of `object`.
    pub(super) async fn head(&self, object: &Path) -> Result<ObjectMeta, StoreError> {
        let meta = self.client.head(object).await;
        meta.map_err(|error| self.told(Act::Read, &error))
    }

    /// Deletes `object`; [`StoreError::NotFound`] if there is none.
    pub(super) async fn delete(&self, object: &Path) -> Result<(), StoreError> {
        if self.asks_before_deleting {
            self.head(object).await?;
        }
        self.forget(object).await
    }

    /// The same, with parts that have not been put together, where they lie under the same name.
    pub(super) async fn forget(&self, object: &Path) -> Result<(), StoreError> {
        match self.client.delete(object).await {
            Ok(()) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => Err(StoreError::NotFound),
            Err(error) => Err(self.told(Act::Write, &error)),
        }
    }

    /// What became of a step that was to publish `object` and ended in `error`: answers get lost, and
    /// steps are repeated, so a failure may hide a success.
    pub(super) async fn settle(
        &self,
        object: &Path,
        token: &Token,
        error: &object_store::Error,
    ) -> Result<(), StoreError> {
        match self.is_ours(object, token).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Duplicate),
            Err(_) => Err(self.told(Act::Write, error)),
        }
    }

    /// Whether the upload that has `token` published `object`.
    async fn is_ours(&self, object: &Path, token: &Token) -> Result<bool, StoreError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = self.client.get_opts(object, options).await;
        let found = found.map_err(|error| self.told(Act::Read, &error))?;
        let name = Attribute::Metadata(Token::NAME.into());
        let kept = found.attributes.get(&name);
        Ok(kept.is_some_and(|text| text.as_ref() == token.as_str()))
    }

    /// Removes `object` if the upload that has `token` published it, which nobody wants any more.
    /// Tries for about a minute; what remains then is found by whoever compares the registry with
    /// the stores.
    pub(super) async fn take_back(&self, object: &Path, token: &Token) {
        for attempt in 1..=ATTEMPTS {
            let outcome = match self.is_ours(object, token).await {
                Ok(true) => self.forget(object).await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return,
                // What was on its way may arrive yet.
                Err(StoreError::NotFound) if attempt > ARRIVALS => return,
                Err(error) if attempt == ATTEMPTS => {
                    let reason = glance_config::chain(&error);
                    log::error!(
                        "store {}: data of a failed upload may remain: {reason}",
                        self.name
                    );
                }
                Err(_) => pause(attempt).await,
            }
        }
    }

    /// The size of each part of an upload of `size` bytes.
    pub(super) fn part_size_for(&self, size: Option<u64>) -> u64 {
        const MIB: u64 = 1 << 20;
        let least = size.map_or(0, |size| size.div_ceil(u64::from(self.most_parts)));
        match least <= self.part_size {
            true => self.part_size,
            false => least.next_multiple_of(MIB),
        }
    }
}
