//! The metadata of images in SQLite: the only place that knows SQL.
//!
//! [`Db::read`] and [`Db::write`] are the only doors from the reactor to the threads that may block.

mod arms;
mod clock;
mod conditions;
mod connection;
mod counts;
mod error;
mod images;
mod leases;
mod list;
mod live;
mod locations;
mod members;
mod migrate;
#[cfg(test)]
mod plans;
mod properties;
mod purge;
mod readers;
mod recovery;
mod registrations;
mod rows;
mod schema;
mod scope;
mod statement;
mod status;
mod visible;
mod writer;

use diesel::Connection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use thiserror::Error;
use tokio::sync::oneshot;

pub use clock::SqlTime;
pub use connection::{Target, UrlError};
pub use counts::images_by_status;
pub use error::DbError;
pub use images::{NewImage, Update, Values, delete, find, insert, update};
pub use leases::{Lease, acquire, release, renew};
pub use list::{Page, Position, detailed, position, summaries};
pub use locations::Location;
pub use members::{
    MemberChange, add_member, check_sharable, list_members, remove_member, replace_members,
    shared_images,
};
pub use migrate::{Condition, SchemaError, condition, sync, version};
pub use purge::{PurgeError, purge};
pub use recovery::take_over;
pub use registrations::{register, unregister};
pub use rows::{ImageRecord, ImageRow, Summary};
pub use scope::{Deleted, Filters, Scope, TextFilter};

use connection::Pool;
pub use readers::Load;
use readers::Readers;
use writer::{Job, Writer};

/// The database cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// SQLite refuses the file.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: String,
        /// What SQLite says.
        #[source]
        source: diesel::ConnectionError,
    },
    /// Its tables are not as they should be.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The readers' connections cannot be opened.
    #[error("cannot open the database to read")]
    Pool(#[source] diesel::r2d2::PoolError),
    /// A thread cannot be started.
    #[error("cannot start a thread for the database")]
    Thread(#[source] std::io::Error),
}

/// An open database: threads that read, and one that writes.
pub struct Db {
    readers: Readers,
    writer: Writer,
    pool: Pool,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Db")
    }
}

/// A connection for work outside of the daemon, ready to write. The file is made if there is none.
pub fn connect(target: &Target) -> Result<SqliteConnection, OpenError> {
    connection::establish(target).map_err(|source| OpenError::Open {
        path: target.path().display().to_string(),
        source,
    })
}

impl Db {
    /// Opens the database with `threads` readers, making or completing its tables first: a file of
    /// our own needs no administrator.
    pub fn open(target: &Target, threads: usize) -> Result<Self, OpenError> {
        let mut conn = connect(target)?;
        sync(&mut conn)?;
        let size = u32::try_from(threads).unwrap_or(u32::MAX).max(1);
        let pool = connection::pool(target, size).map_err(OpenError::Pool)?;
        let readers = Readers::start(threads.max(1), &pool).map_err(OpenError::Thread)?;
        let writer = Writer::start(target.clone(), conn).map_err(OpenError::Thread)?;
        Ok(Self {
            readers,
            writer,
            pool,
        })
    }

    /// The number of connections that readers have open.
    pub fn open_readers(&self) -> u32 {
        self.pool.state().connections
    }

    /// How busy the threads are.
    pub fn load(&self) -> Load {
        self.readers.load(self.writer.waiting())
    }

    /// Asks a question. One with several parts that must agree asks them in a transaction.
    pub async fn read<T, F>(&self, question: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.readers.hand_over(Box::new(move |conn| {
            let answer = conn.and_then(question);
            // The caller may have hung up.
            let _ = reply.send(answer);
        }));
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Makes a change: wholly, and on the disk when this returns `Ok`, or not at all. It is made
    /// even if the caller drops the future.
    pub async fn write<T, F>(&self, change: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let (refusal, refused) = oneshot::channel();
        self.writer.hand_over(Job {
            change: Box::new(move |conn| {
                let outcome = conn
                    .transaction(|conn| change(conn).map_err(Rollback))
                    .map_err(|r| r.0);
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

/// An outcome that undoes the savepoint; diesel needs to make it of its own errors too.
struct Rollback(DbError);

impl From<DieselError> for Rollback {
    fn from(error: DieselError) -> Self {
        Self(error.into())
    }
}

/// Asks all of a question at one moment of the database.
fn snapshot<T>(
    conn: &mut SqliteConnection,
    question: impl FnOnce(&mut SqliteConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    conn.transaction(|conn| question(conn).map_err(Rollback))
        .map_err(|rollback| rollback.0)
}

fn gone() -> DbError {
    DbError::Unavailable("the database's thread gave no answer".to_owned())
}
