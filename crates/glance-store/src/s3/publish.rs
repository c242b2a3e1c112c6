//! The moment in which an upload becomes an object, and what happens when that goes wrong.

use std::future::Future;
use std::io;
use std::mem;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::failure::S3Error;
use super::object::{Head, Object};
use crate::error::StoreError;
use crate::net::pause::pause;
use crate::turns::Mine;

/// How often the removal of what nobody wants is tried.
const REMOVALS: u32 = 5;

/// Why there may be no object.
pub(super) enum Unpublished {
    /// There is none, for this reason.
    Certain(StoreError),
    /// There may be one all the same.
    Maybe(S3Error),
}

/// Sends the request that makes the object, in a task of its own: once it is on its way the object
/// may come to be, whoever goes away. Gives the object, which is removed again unless it is claimed.
///
/// `mark` is what the request writes on the object, to tell it from another upload's.
pub(super) async fn publish(
    object: Object,
    mark: String,
    turn: Mine,
    request: impl Future<Output = Result<(), Unpublished>> + Send + 'static,
) -> Result<(Unclaimed, Head), StoreError> {
    let unclaimed = Unclaimed {
        object: Some((object, mark)),
        turn: Some(turn),
    };
    let task = tokio::spawn(async move {
        let outcome = request.await;
        settle(unclaimed, outcome).await
    });
    task.await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(io::Error::other(error))))
}

/// What the object itself says about what came of a request.
async fn settle(
    unclaimed: Unclaimed,
    outcome: Result<(), Unpublished>,
) -> Result<(Unclaimed, Head), StoreError> {
    let error = match outcome {
        Ok(()) => S3Error::Wrong("an object is not there although it was made"),
        Err(Unpublished::Certain(error)) => {
            unclaimed.claim();
            return Err(error);
        }
        Err(Unpublished::Maybe(error)) => error,
    };
    let expected = matches!(error, S3Error::Wrong(_))
        || error.is_transient()
        || error.is_conflict()
        || error.is_missing();
    // Whatever the refusal: a request that was repeated may be refused because of what its first
    // attempt made, and some servers keep what they then find to be damaged.
    match unclaimed.head().await {
        // What is damaged is nothing to keep; dropping it removes it.
        Ok(Some(head)) if unclaimed.is_ours(&head) && error.is_damage() => Err(error.writing()),
        Ok(Some(head)) if unclaimed.is_ours(&head) && (expected || head.mark.is_some()) => {
            Ok((unclaimed, head))
        }
        Ok(Some(_)) | Err(_) if !expected => {
            unclaimed.claim();
            Err(error.writing())
        }
        Ok(Some(_)) => {
            unclaimed.claim();
            Err(StoreError::Duplicate)
        }
        // Even after a refusal: that may be of a repeated request, while the first one comes to
        // an end.
        Ok(None) => Err(error.writing()),
        Err(unknown) => Err(unknown.writing()),
    }
}

/// An object that was made, or may yet be, and that nobody wants so far. Dropping it removes the
/// object in the background, unless it is another upload's. Nobody else here uploads the image
/// meanwhile.
pub(super) struct Unclaimed {
    object: Option<(Object, String)>,
    turn: Option<Mine>,
}

impl Unclaimed {
    /// The object stays, or is known not to be.
    pub(super) fn claim(mut self) {
        self.object = None;
    }

    /// Removes the object now.
    pub(super) async fn remove(mut self) {
        if let Some((object, mark)) = self.object.take() {
            remove(&object, |head| head.is_of(&mark)).await;
        }
    }

    async fn head(&self) -> Result<Option<Head>, S3Error> {
        match &self.object {
            Some((object, _)) => object.head().await,
            None => Ok(None),
        }
    }

    fn is_ours(&self, head: &Head) -> bool {
        let object = self.object.as_ref();
        head.mark.is_none() || object.is_some_and(|(_, mark)| head.is_of(mark))
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let turn = self.turn.take();
        let Some((object, mark)) = mem::take(&mut self.object) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            log::warn!("store s3: an upload that nobody wants may stay; the program ends");
            return;
        };
        runtime.spawn(async move {
            remove(&object, |head| head.is_of(&mark)).await;
            drop(turn);
            // A request that was not waited for any more may still be worked on. By then it may be
            // another's turn, so that only what bears the mark is known to be ours.
            sleep(object.patience).await;
            remove(&object, |head| head.mark.as_ref() == Some(&mark)).await;
        });
    }
}

/// Removes the object if it is the one that is meant.
async fn remove(object: &Object, is_meant: impl Fn(&Head) -> bool) {
    for attempt in 1..=REMOVALS {
        let outcome = match object.head().await {
            Ok(Some(head)) if is_meant(&head) => object.delete().await,
            Ok(_) => return,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { return };
        if attempt == REMOVALS || !error.is_transient() {
            log::warn!("store s3: an upload that nobody wants may stay: {error}");
            return;
        }
        pause(attempt).await;
    }
}
