//! The threads that hash, and which streams each of them takes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::engine::Engine;
use super::lanes::{Lane, stride};
use super::slot::Slot;
use super::{Md5, Md5Digest, Md5Stream};
use crate::data::BatchStream;
use crate::error::StoreError;

/// How long a worker without work keeps its thread.
const LINGER: Duration = Duration::from_secs(10);

/// Hashes streams beside their owners: a lone one at full speed on a thread of its own, several in
/// the vector lanes of one thread, and more threads only when more streams wait than one can take.
///
/// Threads start when there is work, at most one a core, sleep while there is none and end after
/// ten seconds of it. Clones share them.
#[derive(Clone, Debug)]
pub struct Md5Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    most_workers: usize,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Slots with a batch waiting, first come first served.
    ready: VecDeque<Arc<Slot>>,
    /// Workers at work or called to it; each looks at `ready` again before it sleeps.
    busy: usize,
    /// Workers asleep and not called.
    idle: usize,
    /// Workers called that have not woken yet.
    calls: usize,
}

impl Default for Md5Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl Md5Pool {
    /// A pool for this machine, without threads as yet.
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with(Engine::detect(), cores)
    }

    /// The digest of these bytes.
    pub(crate) async fn digest(&self, batch: Vec<Bytes>) -> Md5Digest {
        let mut stream = self.stream();
        stream.feed(batch);
        poll_fn(|context| stream.poll_settled(context)).await;
        stream.finish()
    }

    /// The digest of these batches, hashed as they come; the first error ends it.
    pub(crate) async fn digest_of(&self, mut data: BatchStream) -> Result<Md5Digest, StoreError> {
        let mut stream = self.stream();
        while let Some(batch) = data.next().await {
            poll_fn(|context| stream.poll_room(context)).await;
            stream.feed(batch?);
        }
        poll_fn(|context| stream.poll_settled(context)).await;
        Ok(stream.finish())
    }

    pub(super) fn with(engine: Engine, most_workers: usize) -> Self {
        let (state, called) = Default::default();
        Self {
            shared: Arc::new(Shared {
                engine,
                most_workers,
                state,
                called,
            }),
        }
    }

    /// A new stream, with nothing fed.
    pub fn stream(&self) -> Md5Stream {
        Md5Stream::new(self.clone(), Slot::new(Md5::with(self.shared.engine)))
    }

    /// Queues a slot in which a batch waits, and sees to it that a worker will come to it.
    pub(super) fn schedule(&self, slot: Arc<Slot>) {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.ready.push_back(slot);
        let enough = match state.busy {
            0 => false,
            busy => state.ready.len() < shared.engine.width() || busy >= shared.most_workers,
        };
        if enough {
            return;
        }
        state.busy += 1;
        if state.idle > 0 {
            state.idle -= 1;
            state.calls += 1;
            shared.called.notify_one();
            return;
        }
        drop(state);

        let for_worker = Arc::clone(shared);
        let started = thread::Builder::new()
            .name("md5".to_owned())
            .spawn(move || for_worker.work());
        if let Err(error) = started {
            log::warn!("no thread to hash on, hashing on the caller's: {error}");
            shared.work_off(|_| ());
        }
    }
}

impl Shared {
    /// A worker's life, from its start, when `busy` counts it already.
    fn work(&self) {
        loop {
            self.work_off(|state| state.idle += 1);
            let (mut state, wait) = self
                .called
                .wait_timeout_while(self.lock(), LINGER, |state| state.calls == 0)
                .unwrap_or_else(PoisonError::into_inner);
            if wait.timed_out() {
                state.idle -= 1;
                return;
            }
            state.calls -= 1;
        }
    }

    /// Hashes until nothing is ready; then, in the same step, stops being busy and does `leave`.
    fn work_off(&self, leave: impl FnOnce(&mut State)) {
        let mut lanes = Vec::with_capacity(self.engine.width());
        loop {
            let mut state = self.lock();
            self.fill(&mut lanes, &mut state.ready);
            if lanes.is_empty() {
                state.busy -= 1;
                leave(&mut state);
                return;
            }
            drop(state);
            stride(self.engine, &mut lanes, |slot: Arc<Slot>, md5| {
                // Behind the others, so that those beyond the lanes get their turn.
                if slot.give_back(md5) {
                    self.lock().ready.push_back(slot);
                }
            });
        }
    }

    /// Gives free lanes to waiting slots.
    fn fill(&self, lanes: &mut Vec<Lane<Arc<Slot>>>, ready: &mut VecDeque<Arc<Slot>>) {
        while lanes.len() < self.engine.width()
            && let Some(slot) = ready.pop_front()
        {
            if let Some((md5, batch)) = slot.take() {
                lanes.push(Lane::new(slot, md5, batch));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
