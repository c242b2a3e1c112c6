//! Uploads that outlive their callers, and leave nothing that nobody wants.

use std::future::{Future, pending};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::data::ImageData;
use crate::error::{DataError, StoreError};
use crate::store::Added;
use crate::turns::{Mine, Turns};

/// A server may still take what was sent when its connection was cut: after this, it has.
pub(crate) const SETTLING: Duration = Duration::from_secs(2);

/// One upload, which runs in a task of its own.
pub(crate) trait Outliving: Send + Sync + 'static {
    /// What is ready to be published.
    type Ready: Send;

    /// How far it is.
    fn progress(&self) -> &Progress;

    /// Sends all that is large. Dropped when the caller goes away, unless it
    /// [cannot be kept from appearing](Self::is_sealed) any more.
    fn prepare(
        self: &Arc<Self>,
        data: ImageData,
    ) -> impl Future<Output = Result<Self::Ready, StoreError>> + Send;

    /// The server has all the data, so there will be an object whatever happens here.
    fn is_sealed(&self) -> bool {
        false
    }

    /// Makes the image appear.
    fn finish(&self, ready: Self::Ready) -> impl Future<Output = Result<Added, StoreError>> + Send;

    /// Removes whatever this upload left, and nothing else.
    fn remove(&self) -> impl Future<Output = ()> + Send;
}

/// How far an upload is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// There may be something of it.
    begun: AtomicBool,
    /// Kept until the upload has ended for good or is removed.
    turn: Mutex<Option<Mine>>,
}

impl Progress {
    /// From now on there may be something to remove.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Relaxed);
    }

    /// Whether there may be something to remove.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    /// Waits until no other upload of the image publishes, or removes what it published.
    pub(crate) async fn take_turn(&self, turns: &Turns, name: &str) {
        let turn = turns.take(name).await;
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
    }

    fn end_turn(&self) {
        let turn = self
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(turn);
    }
}

type Outcome<U> = Result<(Added, Unclaimed<U>), StoreError>;

/// Keeps `data`. After an error, or when the future is dropped, nothing is left soon after.
pub(crate) async fn run<U: Outliving>(upload: U, data: ImageData) -> Result<Added, StoreError> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(work(Arc::new(upload), data, tell));
    let Ok(outcome) = told.await else {
        let broken_off = io::Error::other("an upload was broken off");
        return Err(StoreError::Unavailable(broken_off));
    };
    let (added, unclaimed) = outcome?;
    unclaimed.claim();
    Ok(added)
}

async fn work<U: Outliving>(
    upload: Arc<U>,
    data: ImageData,
    mut tell: oneshot::Sender<Outcome<U>>,
) {
    let ready = tokio::select! {
        biased;
        ready = upload.prepare(data) => ready,
        () = abandoned(&*upload, &mut tell) => Err(DataError::Disconnected.into()),
    };
    let kept = match ready {
        Ok(ready) => upload.finish(ready).await,
        Err(error) => Err(error),
    };
    match kept {
        // If nobody is there to hear it, the data is removed.
        Ok(added) => drop(tell.send(Ok((added, Unclaimed(Some(upload)))))),
        Err(error) => {
            upload.remove().await;
            upload.progress().end_turn();
            drop(tell.send(Err(error)));
            if upload.progress().is_begun() {
                sleep(SETTLING).await;
                upload.remove().await;
            }
        }
    }
}

/// Ready when nobody waits for the upload any more and it can still be kept from appearing.
async fn abandoned<U: Outliving>(upload: &U, tell: &mut oneshot::Sender<Outcome<U>>) {
    tell.closed().await;
    if upload.is_sealed() {
        pending().await
    }
}

/// Data that is there, and whose caller may be gone: unless it is claimed, it is removed again, and
/// only then is it another upload's turn.
struct Unclaimed<U: Outliving>(Option<Arc<U>>);

impl<U: Outliving> Unclaimed<U> {
    fn claim(mut self) {
        self.0 = None;
    }
}

impl<U: Outliving> Drop for Unclaimed<U> {
    fn drop(&mut self) {
        if let (Some(upload), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { upload.remove().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use glance_core::location::LocationUrl;
    use tokio::time::timeout;

    use super::*;
    use crate::conformance::data;

    const STEP: Duration = Duration::from_secs(1);

    /// Every step takes a second.
    #[derive(Default)]
    struct Fake {
        progress: Progress,
        turns: Arc<Turns>,
        fails: bool,
        is_sealed: bool,
        prepared: Arc<AtomicU32>,
        removed: Arc<AtomicU32>,
    }

    impl Outliving for Fake {
        type Ready = ();

        fn progress(&self) -> &Progress {
            &self.progress
        }

        async fn prepare(self: &Arc<Self>, _: ImageData) -> Result<(), StoreError> {
            self.progress.take_turn(&self.turns, "a").await;
            self.progress.begin();
            sleep(STEP).await;
            self.prepared.fetch_add(1, Relaxed);
            Ok(())
        }

        fn is_sealed(&self) -> bool {
            self.is_sealed
        }

        async fn finish(&self, (): ()) -> Result<Added, StoreError> {
            sleep(STEP).await;
            match self.fails {
                true => Err(StoreError::Full),
                false => Ok(Added {
                    location: LocationUrl::new("a"),
                    checksum: None,
                }),
            }
        }

        async fn remove(&self) {
            sleep(STEP).await;
            self.removed.fetch_add(1, Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wanted_stays() {
        let removed = Arc::<AtomicU32>::default();
        let upload = Fake {
            removed: removed.clone(),
            ..Fake::default()
        };
        run(upload, data(b"x", None)).await.unwrap();
        sleep(10 * STEP).await;
        assert_eq!(removed.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_removed_before_it_is_anothers_turn() {
        let (turns, removed) = (Arc::<Turns>::default(), Arc::<AtomicU32>::default());
        let upload = Fake {
            turns: turns.clone(),
            removed: removed.clone(),
            fails: true,
            ..Fake::default()
        };
        let upload = tokio::spawn(run(upload, data(b"x", None)));
        sleep(STEP / 2).await;
        turns.take("a").await;
        assert_eq!(removed.load(Relaxed), 1);
        assert!(matches!(upload.await.unwrap(), Err(StoreError::Full)));
        // What came late, too.
        sleep(SETTLING + 2 * STEP).await;
        assert_eq!(removed.load(Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_removed_before_it_is_anothers_turn() {
        // While it is prepared, while it cannot be kept from appearing, and while it appears.
        for (is_sealed, leaves, prepares) in [(false, 1, 0), (true, 1, 1), (false, 3, 1)] {
            let (turns, removed) = (Arc::<Turns>::default(), Arc::<AtomicU32>::default());
            let prepared = Arc::<AtomicU32>::default();
            let upload = Fake {
                turns: turns.clone(),
                prepared: prepared.clone(),
                removed: removed.clone(),
                is_sealed,
                ..Fake::default()
            };
            let left = timeout(leaves * STEP / 2, run(upload, data(b"x", None))).await;
            assert!(left.is_err());
            turns.take("a").await;
            assert_eq!(prepared.load(Relaxed), prepares);
            assert_eq!(removed.load(Relaxed), 1);
        }
    }
}
