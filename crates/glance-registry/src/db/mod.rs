//! The metadata of images in SQLite, PostgreSQL or MySQL: the only place that knows SQL.
//!
//! [`Db::read`] and [`Db::write`] are the only doors from the reactor to the threads that may block.

mod arms;
#[cfg(test)]
mod clashes;
mod clock;
mod columns;
mod conditions;
mod conn;
mod counts;
mod dialect;
pub(crate) mod dump;
mod error;
#[cfg(test)]
mod evidence;
mod images;
mod leases;
mod list;
mod locations;
mod members;
mod migrate;
#[cfg(test)]
mod plans;
mod pool;
mod properties;
mod purge;
mod readers;
mod records;
mod recovery;
mod registrations;
mod replica;
mod rows;
mod scope;
mod servers;
#[cfg(test)]
mod sharing;
mod sizes;
mod sqlite;
mod statement;
mod status;
mod target;
#[cfg(test)]
mod testing;
mod visible;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use glance_config::chain;
use thiserror::Error;
use tokio::sync::oneshot;

pub use clock::SqlTime;
pub use conn::Conn;
pub use counts::images_by_status;
pub use dialect::Engine;
pub use error::DbError;
pub use images::{NewImage, Update, Values, delete, find, insert, update};
pub use leases::{Lease, acquire, release, renew};
pub use list::{Page, Position, detailed, position, summaries};
pub use locations::Location;
pub use members::{
    MemberChange, add_member, check_sharable, list_members, remove_member, replace_members,
    shared_images,
};
pub use migrate::{Condition, SchemaError, condition, revert, sync, versions};
pub use pool::Limits;
pub use purge::{PurgeError, purge};
pub use readers::Load;
pub use records::ImageRecord;
pub use recovery::take_over;
pub use registrations::{register, unregister};
pub use rows::{ImageRow, Summary};
pub use scope::{Deleted, Filters, Scope, TextFilter};
pub use target::{Place, Target, UrlError};

use pool::Pool;
use readers::{Kind, Readers};
use replica::Replica;
use writer::{Job, Writer};

/// How often a change is tried that others got in the way of.
const ATTEMPTS: u32 = 5;

/// The database cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be opened, or the server not be reached.
    #[error("cannot open the database {name}")]
    Open {
        /// The file, or the database and its server.
        name: String,
        /// What the engine says.
        #[source]
        source: diesel::ConnectionError,
    },
    /// Its tables are not as they should be.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A thread cannot be started.
    #[error("cannot start a thread for the database")]
    Thread(#[source] std::io::Error),
}

/// An open database: threads that ask it, and for SQLite one that writes.
pub struct Db {
    readers: Readers,
    /// None: every thread writes, for the server takes many at once.
    writer: Option<Writer>,
    pool: Pool,
    replica: Option<Replica>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Db")
    }
}

/// A connection for work outside of the daemon, ready to write. A file is made if there is none.
pub fn connect(target: &Target) -> Result<Conn, diesel::ConnectionError> {
    match target {
        Target::File { path, durable } => sqlite::writer(path, *durable).map(Conn::from),
        Target::Server(place) => servers::connect(place),
    }
}

/// Opens a database for work outside of the daemon.
pub fn open(target: &Target) -> Result<Conn, OpenError> {
    connect(target).map_err(|source| OpenError::Open {
        name: target.shown(),
        source,
    })
}

/// Opens a database to look at its tables; a file stays as it is. None: there is no such file.
pub fn open_to_look(target: &Target) -> Result<Option<Conn>, OpenError> {
    let Target::File { path, .. } = target else {
        return open(target).map(Some);
    };
    if !path.exists() {
        return Ok(None);
    }
    let opened = sqlite::reader(path, 1).map(Conn::from);
    opened.map(Some).map_err(|source| OpenError::Open {
        name: target.shown(),
        source,
    })
}

impl OpenError {
    /// Whether a server could not be reached, or had no room, which may pass.
    fn is_passing(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Schema(SchemaError::Connect(source)) => {
                servers::is_passing(source)
            }
            _ => false,
        }
    }
}

/// Opens a database with the tables that we need. It may not be there yet: a server that starts at the
/// same time.
fn open_patiently(target: &Target, limits: &Limits) -> Result<Conn, OpenError> {
    let embedded = target.engine().is_embedded();
    let opened = || -> Result<Conn, OpenError> {
        let mut conn = open(target)?;
        sync(&mut conn, target)?;
        Ok(conn)
    };
    let mut attempt = 0;
    loop {
        match opened() {
            Err(error) if !embedded && error.is_passing() && limits.retries != Some(attempt) => {
                log::warn!("{}; it is tried again", chain(&error));
                std::thread::sleep(limits.retry_interval);
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

impl Db {
    /// Opens the database with at most `limits` connections and a thread for each, making or
    /// completing its tables first: a database of our own needs no administrator.
    pub fn open(target: &Target, limits: Limits) -> Result<Self, OpenError> {
        let conn = open_patiently(target, &limits)?;
        let pool = Pool::new(target.clone(), limits);
        let readers = Readers::start(&pool).map_err(OpenError::Thread)?;
        let writer = match target {
            Target::File { .. } => {
                Some(Writer::start(target.clone(), conn, limits.wait).map_err(OpenError::Thread)?)
            }
            Target::Server(_) => None,
        };
        Ok(Self {
            readers,
            writer,
            pool,
            replica: None,
        })
    }

    /// Has lists read from a replica with connections of its own, `limits` of them.
    pub fn with_replica(mut self, target: Target, limits: Limits) -> Result<Self, OpenError> {
        let pool = Pool::new(target, limits);
        let readers = Readers::start(&pool).map_err(OpenError::Thread)?;
        self.replica = Some(Replica::new(readers));
        Ok(self)
    }

    /// The number of connections that readers have open.
    pub fn open_readers(&self) -> u32 {
        self.pool.open()
    }

    /// How busy the threads are.
    pub fn load(&self) -> Load {
        let waiting = self.writer.as_ref().map_or(0, Writer::waiting);
        self.readers.load(waiting)
    }

    /// Asks a question. One with several parts that must agree asks them in a transaction. It is
    /// asked once more if the connection was lost.
    pub async fn read<T, F>(&self, question: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, DbError> + Send + 'static,
    {
        self.readers
            .ask(Kind::Read, move |pool| again(pool, 2, &question))
            .await
    }

    /// As [`Db::read`], for a list, whose answer may be a little old: the replica is asked, if there is
    /// one. What it cannot answer, or does not find yet, the database itself is asked.
    pub async fn look<T, F>(&self, question: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, DbError> + Send + Sync + 'static,
    {
        let Some(replica) = self.replica.as_ref().filter(|replica| replica.is_up()) else {
            return self.read(question).await;
        };
        let question = Arc::new(question);
        let asked = Arc::clone(&question);
        let answer = replica
            .ask(move |pool| again(pool, 2, &|conn| asked(conn)))
            .await;
        match answer {
            Ok(answer) => Ok(answer),
            Err(_) => self.read(move |conn| question(conn)).await,
        }
    }

    /// Makes a change: wholly, and on the disk when this returns `Ok`, or not at all. It is made
    /// even if the caller drops the future. It may be begun several times, and is made once.
    pub async fn write<T, F>(&self, change: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, DbError> + Send + 'static,
    {
        let Some(writer) = &self.writer else {
            let made = move |pool: &Pool| again(pool, ATTEMPTS, &|conn| conn.change(&change));
            return self.readers.ask(Kind::Change, made).await;
        };
        let (reply, answer) = oneshot::channel();
        let (refusal, refused) = oneshot::channel();
        writer.hand_over(Job {
            since: Instant::now(),
            change: Box::new(move |conn| {
                let outcome = conn.change(change).map_err(DbError::at_last);
                Box::new(move |committed| {
                    let _ = reply.send(committed.and(outcome));
                })
            }),
            refuse: Box::new(move |outcome| {
                let _ = refusal.send(outcome);
            }),
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(refused
                .await
                .ok()
                .and_then(Result::err)
                .unwrap_or_else(gone)),
        }
    }
}

/// Does `work` with a connection, up to `attempts` times if others got in its way or the connection
/// was lost before anything was confirmed.
fn again<T>(
    pool: &Pool,
    attempts: u32,
    work: &dyn Fn(&mut Conn) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let mut attempt = 1;
    loop {
        let mut leased = pool.get()?;
        let conn = leased.conn()?;
        let outcome = work(conn);
        if conn.is_lost() {
            pool.forget();
        }
        drop(leased);
        match outcome {
            Err(error) if error.is_passing() && attempt < attempts => {
                log::warn!("a request to the database is repeated: {error}");
                // Not in step with whoever was in the way.
                let step = Duration::from_millis(u64::from(rand_byte()) * u64::from(attempt) / 8);
                std::thread::sleep(step);
                attempt += 1;
            }
            outcome => return outcome.map_err(DbError::at_last),
        }
    }
}

/// Chance enough to keep two apart.
fn rand_byte() -> u8 {
    uuid::Uuid::new_v4().as_bytes()[0]
}

fn gone() -> DbError {
    DbError::Unavailable("the database's thread gave no answer".to_owned())
}
