//! Connections that wait for work, in r2d2's pool, and the bounds of how many there are.
//!
//! r2d2 opens connections in the background, and while it tries again and again a request waits. So
//! what it keeps are seats: whoever gets an empty one opens the connection itself, and learns at
//! once that the database cannot be reached. r2d2 counts seats, keeps what is idle, and closes what
//! is old, lost or no longer there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use r2d2::{ManageConnection, PooledConnection};

use super::conn::Conn;
use super::error::DbError;
use super::target::Target;
use super::{servers, sqlite};

/// A connection that was idle for so long is asked whether it is still there.
const DOUBTFUL: Duration = Duration::from_secs(10);
/// A connection to a server that was idle for so long is closed.
const IDLE: Duration = Duration::from_secs(600);
/// A connection beyond those that are kept lasts for so long at least: to open one costs the server
/// more than most questions do.
const BRIEF: Duration = Duration::from_secs(10);

/// How many connections, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are kept.
    pub size: u32,
    /// Connections that may be there besides when those do not suffice, and end soon after.
    pub overflow: u32,
    /// After which a connection is closed once it is idle. None: never.
    pub recycle: Option<Duration>,
    /// What a request waits for a connection.
    pub wait: Duration,
    /// How often a server that cannot be reached when the daemon starts is tried again. None: until
    /// it can.
    pub retries: Option<u64>,
    /// What lies between two of these attempts.
    pub retry_interval: Duration,
}

impl Limits {
    /// What a request waits for a connection unless the operator says otherwise.
    pub const WAIT: Duration = Duration::from_secs(30);

    /// The least that a request waits, for even one that is served at once waits for a thread to begin.
    pub const LEAST_WAIT: Duration = Duration::from_millis(100);
    /// The most connections that there may be, whatever the operator says: each has a thread.
    const MOST: u32 = 2000;

    /// The most connections at a time; there is always one.
    pub(super) fn most(&self) -> u32 {
        self.size.saturating_add(self.overflow).clamp(1, Self::MOST)
    }
}

/// Connections to one database. Cloning it shares them.
#[derive(Clone)]
pub(super) struct Pool {
    seats: r2d2::Pool<Seats>,
    shared: Arc<Shared>,
}

/// A connection for the time of one job.
pub(super) type Leased = PooledConnection<Seats>;

struct Shared {
    target: Target,
    limits: Limits,
    /// Connections that are open.
    open: AtomicU32,
    /// How often all of them were given up: those of before are not used again.
    losses: AtomicU64,
}

impl Shared {
    /// After which a connection is not used again. None: never.
    fn recycle(&self) -> Option<Duration> {
        self.limits.recycle.filter(|age| !age.is_zero())
    }
}

impl Pool {
    pub(super) fn new(target: Target, limits: Limits) -> Self {
        let embedded = target.engine().is_embedded();
        let shared = Arc::new(Shared {
            target,
            limits,
            open: AtomicU32::new(0),
            losses: AtomicU64::new(0),
        });
        let seats = r2d2::Pool::builder()
            .max_size(limits.most())
            .min_idle(Some(0))
            .max_lifetime(shared.recycle())
            .idle_timeout((!embedded).then_some(IDLE))
            .test_on_check_out(true)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Seats(Arc::clone(&shared)));
        Self { seats, shared }
    }

    /// The number of connections that are open.
    pub(super) fn open(&self) -> u32 {
        self.shared.open.load(Relaxed)
    }

    /// How many connections, and for how long.
    pub(super) fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Whether the database computes on this machine's processors.
    pub(super) fn is_here(&self) -> bool {
        self.shared.target.is_here()
    }

    /// What a request waits for a connection.
    pub(super) fn patience(&self) -> Duration {
        self.shared.limits.wait
    }

    /// A connection: one that waits, or a new one. It fails at once if the database cannot be
    /// reached, and after a while if all connections are at work.
    pub(super) fn get(&self) -> Result<Leased, DbError> {
        let none = |_| DbError::Unavailable("no connection is free".to_owned());
        let mut seat = self.seats.get_timeout(self.patience()).map_err(none)?;
        if seat.taken.is_none() {
            let opened = Opened::new(&self.shared);
            seat.taken = Some(opened.map_err(|error| DbError::Unavailable(error.to_string()))?);
        }
        Ok(seat)
    }

    /// Gives up the connections that are open: they go where one has been lost.
    pub(super) fn forget(&self) {
        self.shared.losses.fetch_add(1, Relaxed);
    }
}

/// A place for a connection: empty until somebody needs it.
pub(super) struct Seat {
    taken: Option<Opened>,
}

impl Seat {
    pub(super) fn conn(&mut self) -> Result<&mut Conn, DbError> {
        let gone = || DbError::Unavailable("the connection was lost".to_owned());
        Ok(&mut self.taken.as_mut().ok_or_else(gone)?.conn)
    }
}

struct Opened {
    conn: Conn,
    shared: Arc<Shared>,
    /// The losses that there had been before it was opened.
    losses: u64,
    since: Instant,
    idle_since: Instant,
}

impl Opened {
    fn new(shared: &Arc<Shared>) -> Result<Self, ConnectionError> {
        let losses = shared.losses.load(Relaxed);
        let conn = match &shared.target {
            Target::File { path, .. } => sqlite::reader(path, shared.limits.size).map(Conn::from),
            Target::Server(place) => servers::connect(place),
        }?;
        shared.open.fetch_add(1, Relaxed);
        Ok(Self {
            conn,
            shared: Arc::clone(shared),
            losses,
            since: Instant::now(),
            idle_since: Instant::now(),
        })
    }

    fn is_forgotten(&self) -> bool {
        self.losses != self.shared.losses.load(Relaxed)
    }

    /// Whether it has had its time, and may be where a firewall has forgotten it.
    fn is_old(&self) -> bool {
        let recycle = self.shared.recycle();
        recycle.is_some_and(|age| self.since.elapsed() > age)
    }

    /// Whether there are more than are kept, and this one has had its time.
    fn is_overflow(&self) -> bool {
        let kept = self.shared.limits.size.max(1);
        self.shared.open.load(Relaxed) > kept && self.since.elapsed() > BRIEF
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Relaxed);
    }
}

/// Makes seats, and looks after what is in them.
pub(super) struct Seats(Arc<Shared>);

impl ManageConnection for Seats {
    type Connection = Seat;
    type Error = DbError;

    fn connect(&self) -> Result<Seat, DbError> {
        Ok(Seat { taken: None })
    }

    fn is_valid(&self, seat: &mut Seat) -> Result<(), DbError> {
        let Some(opened) = &mut seat.taken else {
            return Ok(());
        };
        if self.0.target.engine().is_embedded() {
            return Ok(());
        }
        if opened.is_old() {
            seat.taken = None;
            return Ok(());
        }
        if opened.is_forgotten() {
            return Err(DbError::Unavailable("another one was lost".to_owned()));
        }
        if opened.idle_since.elapsed() > DOUBTFUL {
            opened.conn.batch("SELECT 1")?;
        }
        Ok(())
    }

    fn has_broken(&self, seat: &mut Seat) -> bool {
        let Some(opened) = &mut seat.taken else {
            return true;
        };
        opened.idle_since = Instant::now();
        // A job that panicked may have left a transaction behind.
        std::thread::panicking() || opened.conn.is_lost() || opened.is_overflow()
    }
}
