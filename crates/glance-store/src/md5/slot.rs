//! Where a stream and the pool meet: what waits to be hashed, and the hash while nobody works on it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::Md5;

/// How many batches a stream may have undone. With one the pool would idle from the end of a batch
/// until the next is fed; with three the next lies ready even when its owner is slow to wake.
const AHEAD: usize = 3;

/// The shared half of a stream.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    /// Told whenever a batch is done, as is the waker; only the stream's owner waits here.
    done: Condvar,
}

#[derive(Debug)]
struct State {
    /// `None` while a worker has it.
    md5: Option<Md5>,
    waiting: VecDeque<Vec<Bytes>>,
    /// In the pool's queue or with a worker; only one of them may have it at a time.
    scheduled: bool,
    /// Of the owner's task, if it waits instead of a thread.
    waker: Option<Waker>,
}

impl State {
    fn has_room(&self) -> bool {
        self.undone() < AHEAD
    }

    fn is_settled(&self) -> bool {
        self.undone() == 0
    }

    fn undone(&self) -> usize {
        self.waiting.len() + usize::from(self.md5.is_none())
    }
}

impl Slot {
    pub(super) fn new(md5: Md5) -> Self {
        Self {
            state: Mutex::new(State {
                md5: Some(md5),
                waiting: VecDeque::with_capacity(AHEAD),
                scheduled: false,
                waker: None,
            }),
            done: Condvar::new(),
        }
    }

    /// Puts a batch behind those waiting, as soon as there is room; true if the caller must now
    /// give the slot to the pool.
    pub(super) fn put(&self, batch: Vec<Bytes>) -> bool {
        let mut state = self.until(State::has_room);
        state.waiting.push_back(batch);
        !std::mem::replace(&mut state.scheduled, true)
    }

    /// Waits until every batch is done; the hash so far.
    pub(super) fn settled(&self) -> Md5 {
        let state = self.until(State::is_settled);
        #[expect(clippy::expect_used, reason = "a taken hash counts as undone")]
        state
            .md5
            .clone()
            .expect("nothing is undone, so no worker has the hash")
    }

    /// Ready when `put` will not wait.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        self.poll_until(State::has_room, context)
    }

    /// Ready when `settled` will not wait.
    pub(super) fn poll_settled(&self, context: &Context<'_>) -> Poll<()> {
        self.poll_until(State::is_settled, context)
    }

    /// Forgets what waits. A batch that a worker has begun is hashed to its end.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.waiting.clear();
        state.waker = None;
    }

    /// For a worker: the hash and the batch to go on with; `None` if the stream was abandoned.
    pub(super) fn take(&self) -> Option<(Md5, Vec<Bytes>)> {
        let mut state = self.lock();
        let Some(batch) = state.waiting.pop_front() else {
            state.scheduled = false;
            return None;
        };
        state.md5.take().map(|md5| (md5, batch))
    }

    /// For a worker: gives the hash back; true if more waits and the worker must queue the slot.
    pub(super) fn give_back(&self, md5: Md5) -> bool {
        let mut state = self.lock();
        state.md5 = Some(md5);
        state.scheduled = !state.waiting.is_empty();
        let (queue, waker) = (state.scheduled, state.waker.take());
        drop(state);
        self.done.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
        queue
    }

    fn until(&self, holds: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.lock();
        self.done
            .wait_while(state, |state| !holds(state))
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_until(&self, holds: impl Fn(&State) -> bool, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if holds(&state) {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
