//! The threads that ask the database, each with a connection of its own while it works. Those of a
//! server change it, too.
//!
//! There is a thread for each connection that is kept, and a spare one for each that may be there
//! besides. Spare threads help only when a request has waited for a while: a server does more with
//! few connections that are busy than with many. A database on this machine computes on the processors
//! that the daemons need, and no more reads are begun at once than keep these busy: of 32 that came at
//! once, the last waited longer when five were begun than when three were. Changes, which wait for the
//! disk together, are begun by all.
//!
//! Measured against actix's `web::block` with the same pool, 32 connections, two busy cores and 100,000
//! images: one image 25,300–28,500 requests a second instead of 18,000–18,800, a list of 25 9,800
//! instead of 8,000. A thread that is awake takes the next job without anybody waking it.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::DbError;
use super::pool::Pool;

/// A request that waited for so long is a spare thread's, too, and however much is read already.
const LATE: Duration = Duration::from_millis(50);
/// Requests that may wait; more are answered at once that there is no room.
const WAITING: usize = 4096;

/// One question, and where its answer goes.
type Job = Box<dyn FnOnce(Result<&Pool, DbError>) + Send>;

/// The threads; they end when this is dropped and the last job is done.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: usize,
    /// What a request waits for a thread.
    patience: Duration,
}

/// How busy the threads of a database are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Threads that read just now.
    pub busy: usize,
    /// Threads that wait for questions.
    pub idle: usize,
    /// Questions that wait for a thread.
    pub reads_waiting: usize,
    /// Changes that wait for the thread that writes.
    pub writes_waiting: usize,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Change,
}

struct Queue {
    state: Mutex<State>,
    /// Reads that are under way beyond which more are begun only when they are late.
    enough: usize,
    /// What threads wait for whose connections are kept.
    filled: Condvar,
    /// What spare threads wait for.
    late: Condvar,
}

#[derive(Default)]
struct State {
    /// With the moments since which they wait.
    reads: VecDeque<(Instant, Job)>,
    changes: VecDeque<(Instant, Job)>,
    /// Reads that are under way.
    reading: usize,
    idle: usize,
    /// Spare threads that wait.
    spare: usize,
    /// A thread waits for the oldest job to be late.
    watched: bool,
    closed: bool,
}

impl State {
    /// How many threads sleep that are spare, or are not.
    fn asleep(&mut self, spare: bool) -> &mut usize {
        match spare {
            true => &mut self.spare,
            false => &mut self.idle,
        }
    }

    /// Jobs that nobody has begun.
    fn waiting(&self) -> usize {
        self.reads.len() + self.changes.len()
    }

    /// The older of the jobs that may be begun. `promptly`: it need not be late.
    fn take(&mut self, promptly: bool, enough: usize) -> Option<(Instant, Kind, Job)> {
        let front = |jobs: &VecDeque<(Instant, Job)>, promptly: bool| {
            let since = jobs.front().map(|(since, _)| *since);
            since.filter(|since| promptly || since.elapsed() >= LATE)
        };
        let read = front(&self.reads, promptly && self.reading < enough);
        let change = front(&self.changes, promptly);
        let kind = match (read, change) {
            (Some(read), Some(change)) if change < read => Kind::Change,
            (Some(_), _) => Kind::Read,
            (None, Some(_)) => Kind::Change,
            (None, None) => return None,
        };
        let (since, job) = match kind {
            Kind::Read => {
                self.reading += 1;
                self.reads.pop_front()
            }
            Kind::Change => self.changes.pop_front(),
        }?;
        Some((since, kind, job))
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A job that panics does so outside of the lock; the queue is always whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job for a thread that has done one of the kind `done`. A spare thread gets late ones.
    fn next(&self, spare: bool, done: Option<Kind>) -> Option<(Instant, Kind, Job)> {
        let mut state = self.lock();
        let mut free = done == Some(Kind::Read);
        if free {
            state.reading -= 1;
        }
        loop {
            let enough = if state.closed {
                usize::MAX
            } else {
                self.enough
            };
            let taken = state.take(!spare, enough);
            free &= !matches!(taken, Some((_, Kind::Read, _)));
            let due = self.due(&state, free);
            if taken.is_some() {
                drop(state);
                due.map(Condvar::notify_one);
                return taken;
            }
            if state.closed {
                return None;
            }
            if free {
                due.map(Condvar::notify_one);
                free = false;
            }
            state = self.sleep(state, spare);
        }
    }

    /// Whom to wake: a thread for a job that may be begun, if it is `new` that it may, or one that looks
    /// whether the oldest is late.
    fn due(&self, state: &State, new: bool) -> Option<&Condvar> {
        let read = !state.reads.is_empty() && state.reading < self.enough;
        if state.idle > 0 && (read || !state.changes.is_empty()) {
            return new.then_some(&self.filled);
        }
        if state.watched || state.waiting() == 0 {
            None
        } else if state.idle > 0 {
            Some(&self.filled)
        } else {
            (state.spare > 0).then_some(&self.late)
        }
    }

    /// Waits until there may be a job. One thread of all looks whether the oldest is late.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, spare: bool) -> MutexGuard<'a, State> {
        let woken = if spare { &self.late } else { &self.filled };
        *state.asleep(spare) += 1;
        if !state.watched && state.waiting() > 0 {
            state.watched = true;
            let outcome = woken.wait_timeout(state, LATE);
            state = outcome.unwrap_or_else(PoisonError::into_inner).0;
            state.watched = false;
        } else {
            state = woken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state.asleep(spare) -= 1;
        state
    }
}

impl Readers {
    /// Starts a thread for each connection that `pool` may have.
    pub(super) fn start(pool: &Pool) -> std::io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        // One may wait for the disk.
        let enough = match pool.is_here() {
            true => processors + 1,
            false => usize::MAX,
        };
        Self::begin(pool, enough)
    }

    fn begin(pool: &Pool, enough: usize) -> std::io::Result<Self> {
        let limits = pool.limits();
        let threads = limits.most();
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            enough,
            filled: Condvar::new(),
            late: Condvar::new(),
        });
        for number in 0..threads {
            let (queue, pool) = (Arc::clone(&queue), pool.clone());
            let spare = number >= limits.size.max(1);
            thread::Builder::new()
                .name(format!("db-read-{number}"))
                .spawn(move || {
                    let mut done = None;
                    while let Some((since, kind, job)) = queue.next(spare, done) {
                        answer(&pool, since, job);
                        done = Some(kind);
                    }
                })?;
        }
        Ok(Self {
            queue,
            threads: usize::try_from(threads).unwrap_or(usize::MAX),
            patience: pool.patience(),
        })
    }

    /// How busy they are, and how many changes wait besides.
    pub(super) fn load(&self, writes_waiting: usize) -> Load {
        let state = self.queue.lock();
        Load {
            busy: self.threads.saturating_sub(state.idle + state.spare),
            idle: state.idle + state.spare,
            reads_waiting: state.waiting(),
            writes_waiting,
        }
    }

    /// Has a thread do `work`, and waits for it: for as long as it takes once it has begun, else as
    /// the pool's patience has it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Pool) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let (reply, mut answer) = oneshot::channel();
        let decided = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&decided);
        let job = Box::new(move |pool: Result<&Pool, DbError>| {
            if begun.swap(true, Relaxed) {
                return;
            }
            let answer = pool.and_then(work);
            // The caller may have hung up.
            let _ = reply.send(answer);
        });
        self.hand_over(kind, job);
        let answer = match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(answer) => answer,
            Err(_) if !decided.swap(true, Relaxed) => return Err(too_late()),
            Err(_) => answer.await,
        };
        answer.unwrap_or_else(|_| Err(super::gone()))
    }

    /// Hands a job to the threads. It gets an error instead of a connection when there is none, or
    /// when too many wait.
    fn hand_over(&self, kind: Kind, job: Job) {
        let mut state = self.queue.lock();
        if state.waiting() >= WAITING {
            drop(state);
            job(Err(DbError::Unavailable(
                "too many requests wait".to_owned(),
            )));
            return;
        }
        let jobs = match kind {
            Kind::Read => &mut state.reads,
            Kind::Change => &mut state.changes,
        };
        jobs.push_back((Instant::now(), job));
        let due = self.queue.due(&state, true);
        drop(state);
        due.map(Condvar::notify_one);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.filled.notify_all();
        self.queue.late.notify_all();
    }
}

fn too_late() -> DbError {
    DbError::Unavailable("no connection was free in time".to_owned())
}

fn answer(pool: &Pool, since: Instant, job: Job) {
    let in_time = if since.elapsed() <= pool.patience() {
        Ok(pool)
    } else {
        Err(too_late())
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| job(in_time)));
    if outcome.is_err() {
        log::error!("a database job panicked; its caller gets an error");
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::db::pool::Limits;
    use crate::db::target::Target;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn readers(size: u32, overflow: u32, enough: usize) -> Readers {
        let path = PathBuf::from("/nowhere");
        let limits = Limits {
            size,
            overflow,
            recycle: None,
            wait: PATIENCE,
            retries: Some(0),
            retry_interval: Duration::ZERO,
        };
        let pool = Pool::new(
            Target::File {
                path,
                durable: false,
            },
            limits,
        );
        Readers::begin(&pool, enough).unwrap()
    }

    /// Has a job begun that tells when, and ends when it is told to.
    fn begin(readers: &Readers, kind: Kind) -> (Receiver<Instant>, Sender<()>) {
        let (tell, begun) = channel();
        let (end, ended) = channel();
        let job = move |_: Result<&Pool, DbError>| {
            tell.send(Instant::now()).unwrap();
            let _ = ended.recv();
        };
        readers.hand_over(kind, Box::new(job));
        (begun, end)
    }

    #[test]
    fn when_enough_read_changes_are_begun_and_reads_once_they_are_late() {
        for (size, overflow) in [(4, 0), (2, 2)] {
            let readers = readers(size, overflow, 1);
            let (begun, first) = begin(&readers, Kind::Read);
            begun.recv_timeout(PATIENCE).unwrap();
            let (begun, change) = begin(&readers, Kind::Change);
            begun.recv_timeout(PATIENCE).unwrap();
            let since = Instant::now();
            let (begun, second) = begin(&readers, Kind::Read);
            assert!(begun.recv_timeout(PATIENCE).unwrap() - since >= LATE);
            drop((change, second));
            // The next one is begun as soon as the first has ended.
            let (begun, third) = begin(&readers, Kind::Read);
            drop(first);
            begun.recv_timeout(PATIENCE).unwrap();
            drop(third);
        }
    }

    #[test]
    fn every_job_is_done_also_when_the_queue_is_dropped() {
        let readers = readers(3, 2, 2);
        let (tell, done) = channel();
        thread::scope(|scope| {
            for number in 0..8 {
                let (readers, tell) = (&readers, tell.clone());
                scope.spawn(move || {
                    for job in 0..400 {
                        let tell = tell.clone();
                        let kind = match (number + job) % 3 {
                            0 => Kind::Change,
                            _ => Kind::Read,
                        };
                        let job = move |_: Result<&Pool, DbError>| {
                            thread::sleep(Duration::from_micros(job % 7 * 20));
                            tell.send(kind).unwrap();
                        };
                        readers.hand_over(kind, Box::new(job));
                    }
                });
            }
        });
        drop((readers, tell));
        let mut count = 0;
        while done.recv_timeout(PATIENCE).is_ok() {
            count += 1;
        }
        assert_eq!(count, 3200);
    }
}
