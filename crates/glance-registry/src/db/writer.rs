//! The one thread that writes to SQLite: changes are serial, and those that wait share one flush to the disk.
//!
//! Each change is a savepoint within the transaction, so that one that is refused leaves the others
//! alone. Nobody is told of success before the transaction is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::conn::Conn;
use super::error::DbError;
use super::target::Target;

/// Changes that may wait; more are answered at once that there is no room.
const WAITING: usize = 1024;
/// Changes that share a transaction.
const TOGETHER: usize = 64;

/// Tells the caller what became of its change: `Ok` once it is on the disk.
pub(super) type Reply = Box<dyn FnOnce(Result<(), DbError>) + Send>;
/// A change, made within a transaction.
pub(super) type Change = Box<dyn FnOnce(&mut Conn) -> Reply + Send>;

/// A change and the way to refuse it unseen.
pub(super) struct Job {
    /// Since when it waits.
    pub(super) since: Instant,
    pub(super) change: Change,
    pub(super) refuse: Reply,
}

/// The thread and the way to it. Dropping it finishes what waits.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with a connection that is ready to write. `patience`: what a change waits for
    /// its turn; then it is not made.
    pub(super) fn start(target: Target, conn: Conn, patience: Duration) -> std::io::Result<Self> {
        let (jobs, incoming) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let queue = Queue {
            jobs: incoming,
            waiting: Arc::clone(&waiting),
        };
        let thread = thread::Builder::new()
            .name("db-write".to_owned())
            .spawn(move || serve(&target, conn, &queue, patience))?;
        Ok(Self {
            jobs: Some(jobs),
            waiting,
            thread: Some(thread),
        })
    }

    /// Changes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Hands a change to the thread, or refuses it when too many wait.
    pub(super) fn hand_over(&self, job: Job) {
        let Some(jobs) = &self.jobs else {
            return;
        };
        // Before it is there, or the thread might take it off first.
        self.waiting.fetch_add(1, Relaxed);
        let sent = jobs.try_send(job);
        if sent.is_err() {
            self.waiting.fetch_sub(1, Relaxed);
        }
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => {
                (job.refuse)(Err(DbError::Unavailable(
                    "too many changes wait".to_owned(),
                )));
            }
            Err(TrySendError::Disconnected(job)) => {
                (job.refuse)(Err(DbError::Unavailable(
                    "the writer has stopped".to_owned(),
                )));
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic was logged where it happened.
            let _ = thread.join();
        }
    }
}

/// The thread's end of the way.
struct Queue {
    jobs: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// The changes for the next transaction; none when there will be no more.
    fn next(&self) -> Option<Vec<Job>> {
        let mut jobs = vec![self.jobs.recv().ok()?];
        while jobs.len() < TOGETHER
            && let Ok(job) = self.jobs.try_recv()
        {
            jobs.push(job);
        }
        self.waiting.fetch_sub(jobs.len(), Relaxed);
        Some(jobs)
    }
}

fn serve(target: &Target, conn: Conn, queue: &Queue, patience: Duration) {
    let file = target.file_number();
    let mut conn = Some(conn);
    while let Some(jobs) = queue.next() {
        let is_late = |job: &Job| job.since.elapsed() > patience;
        let (late, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_late);
        if !late.is_empty() {
            refuse(late, "they have waited too long for others");
        }
        if jobs.is_empty() {
            continue;
        }
        // What is written to a file that has no name any more is lost.
        if target.file_number() != file {
            refuse(
                jobs,
                "the database's file is gone, or is another one than at the start",
            );
            continue;
        }
        let usable = match conn.take() {
            Some(conn) => Ok(conn),
            None => super::connect(target),
        };
        match usable {
            Ok(mut usable) => {
                if together(&mut usable, jobs) {
                    conn = Some(usable);
                }
            }
            Err(error) => refuse(
                jobs,
                &format!("the database cannot be opened to write: {error}"),
            ),
        }
    }
}

fn refuse(jobs: Vec<Job>, reason: &str) {
    refuse_all(jobs.into_iter().map(|job| job.refuse), reason);
}

fn refuse_all(replies: impl ExactSizeIterator<Item = Reply>, reason: &str) {
    log::error!("{} change(s) were not made: {reason}", replies.len());
    for reply in replies {
        reply(Err(DbError::Unavailable(reason.to_owned())));
    }
}

/// Makes the changes in one transaction. False: the connection is not to be used again.
fn together(conn: &mut Conn, jobs: Vec<Job>) -> bool {
    let mut jobs = jobs.into_iter();
    let mut replies: Vec<Reply> = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        conn.immediate(|conn| {
            for job in jobs.by_ref() {
                // The reply stands for the job from here on: a panic below drops the change's own.
                replies.push(job.refuse);
                let reply = (job.change)(conn);
                replies.pop();
                replies.push(reply);
            }
            Ok::<(), diesel::result::Error>(())
        })
    }));
    replies.extend(jobs.map(|job| job.refuse));
    let reason = match outcome {
        Ok(Ok(())) => {
            replies.into_iter().for_each(|reply| reply(Ok(())));
            return true;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a change panicked".to_owned(),
    };
    refuse_all(replies.into_iter(), &reason);
    false
}
