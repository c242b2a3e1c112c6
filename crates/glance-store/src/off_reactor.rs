//! Blocking work, and things whose dropping blocks, kept away from the threads that serve requests.

use std::io;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::StoreError;

/// Runs `work` on a thread that may block.
///
/// When the caller is dropped `work` still runs to its end, if it has begun, and its result is
/// dropped: what must not outlive the caller has to be removed by dropping the result.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    join(spawn_blocking(work)).await
}

/// The result of work begun on a thread that may block.
pub(crate) async fn join<T>(work: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    match work.await {
        Ok(result) => result,
        // It panicked, which the panic's own message tells, or the runtime is going down.
        Err(error) => Err(StoreError::Unavailable(io::Error::other(error))),
    }
}

/// Something whose dropping may block (the last handle of a large file without a name): wherever
/// it is dropped, it goes on a thread that may.
#[derive(Debug)]
pub(crate) struct OffReactor<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> OffReactor<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Drops the value, and is ready when that is done.
    pub(crate) async fn drop_now(self) {
        // Its only failure is a runtime going down, which drops the value, too.
        let _ = spawn_blocking(move || drop(self.into_inner())).await;
    }

    /// The value, to be dropped where it is now.
    pub(crate) fn into_inner(mut self) -> T {
        #[expect(
            clippy::expect_used,
            reason = "only this and drop take the value, and end it"
        )]
        self.0
            .take()
            .expect("an OffReactor holds its value until it ends")
    }
}

impl<T: Send + 'static> Drop for OffReactor<T> {
    fn drop(&mut self) {
        let Some(value) = self.0.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
            Err(_) => drop(value),
        }
    }
}
