//! A connection to whichever engine the database is on.

use std::future::Future;
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection, SimpleAsyncConnection};
use tokio::runtime::Runtime;

use super::dialect::Engine;
use super::error::{DbError, is_lost};
use super::sizes::Sizes;
use super::statement::{Bind, Statement};

/// A connection. It is used by one thread at a time, which waits for its answers.
pub struct Conn {
    pub(super) link: Link,
    /// Within a change, rows that are read are locked.
    changing: bool,
    /// MySQL's locks that end after the change.
    held: Vec<String>,
    pub(super) sizes: Sizes,
}

pub(super) enum Link {
    Sqlite(SqliteConnection),
    Postgres(Box<Server<AsyncPgConnection>>),
    Mysql(Box<Server<AsyncMysqlConnection>>),
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Conn").field(&self.engine()).finish()
    }
}

impl From<SqliteConnection> for Conn {
    fn from(conn: SqliteConnection) -> Self {
        Self::new(Link::Sqlite(conn))
    }
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To see the database at one moment.
    Snapshot,
    /// To change it.
    Change,
}

impl Conn {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            changing: false,
            held: Vec::new(),
            sizes: Sizes::default(),
        }
    }

    /// The engine that it talks to.
    pub fn engine(&self) -> Engine {
        match self.link {
            Link::Sqlite(_) => Engine::Sqlite,
            Link::Postgres(_) => Engine::Postgres,
            Link::Mysql(_) => Engine::Mysql,
        }
    }

    /// Behind a SELECT of one row: locks it, if this is a change and others can write meanwhile.
    pub(super) fn row_lock(&self) -> &'static str {
        if self.changing {
            self.engine().lock()
        } else {
            ""
        }
    }

    /// Whether nothing more can be asked through it.
    pub(super) fn is_lost(&self) -> bool {
        match &self.link {
            Link::Sqlite(_) => false,
            Link::Postgres(server) => server.lost,
            Link::Mysql(server) => server.lost,
        }
    }

    /// Statements without values, with semicolons between them.
    pub fn batch(&mut self, sql: &str) -> QueryResult<()> {
        match &mut self.link {
            Link::Sqlite(conn) => conn.batch_execute(sql),
            Link::Postgres(server) => server.ask(|conn| conn.batch_execute(sql)),
            Link::Mysql(server) => server.ask(|conn| conn.batch_execute(sql)),
        }
    }

    /// Asks all of a question at one moment of the database.
    pub(super) fn snapshot<T>(
        &mut self,
        question: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.begin(Purpose::Snapshot)?;
        let outcome = question(self);
        self.end(outcome)
    }

    /// Makes a change wholly or not at all: a transaction, or a part of the one that SQLite's writer
    /// is in already. [`DbError::Interrupted`]: nothing was changed, and it may well succeed if it
    /// is tried again. [`DbError::Unavailable`]: it may have been made if the answer was lost.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.begin(Purpose::Change)?;
        self.changing = true;
        let outcome = change(self);
        self.changing = false;
        let outcome = self.end(outcome);
        for name in std::mem::take(&mut self.held) {
            let sql = "SELECT RELEASE_LOCK(CONCAT(LEFT(DATABASE(), 30), ?))";
            if Statement::kept(sql, vec![Bind::from(name.as_str())])
                .execute(self)
                .is_err()
            {
                self.lose();
            }
        }
        outcome
    }

    /// Until the change ends, nobody else makes one that is called `what`. SQLite has one writer.
    pub(super) fn alone(&mut self, what: &str) -> QueryResult<()> {
        // FNV-1a: the same in every daemon, whatever it was built with.
        let hash = what.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        match self.engine() {
            Engine::Sqlite => {}
            Engine::Postgres => {
                let key = Bind::from(i64::from_ne_bytes(hash.to_ne_bytes()));
                Statement::kept("SELECT pg_advisory_xact_lock(?)", vec![key]).execute(self)?;
            }
            Engine::Mysql => {
                let name = format!("-{hash:016x}");
                let sql = "SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 30), ?), 30)";
                let got: Option<i64> =
                    Statement::<Nullable<BigInt>>::kept(sql, vec![Bind::from(name.as_str())])
                        .get_result(self)?;
                if got != Some(1) {
                    let reason = "could not serialize with another change".to_owned();
                    let kind = DatabaseErrorKind::SerializationFailure;
                    return Err(DieselError::DatabaseError(kind, Box::new(reason)));
                }
                self.held.push(name);
            }
        }
        Ok(())
    }

    fn begin(&mut self, purpose: Purpose) -> Result<(), DbError> {
        let embedded = self.engine().is_embedded();
        self.begun(purpose).map_err(|error| match embedded {
            true => error.into(),
            // A server that cannot even begin is of no use, whatever it says.
            false => {
                self.lose();
                DbError::Interrupted(error.to_string())
            }
        })
    }

    fn begun(&mut self, purpose: Purpose) -> QueryResult<()> {
        match (&mut self.link, purpose) {
            (Link::Sqlite(conn), _) => AnsiTransactionManager::begin_transaction(conn),
            (Link::Postgres(_), Purpose::Snapshot) => {
                self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            }
            (Link::Postgres(_), Purpose::Change) => {
                self.batch("BEGIN ISOLATION LEVEL READ COMMITTED")
            }
            (Link::Mysql(_), Purpose::Snapshot) => self.batch(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                 START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            ),
            // The session is at READ COMMITTED.
            (Link::Mysql(_), Purpose::Change) => self.batch("START TRANSACTION"),
        }
    }

    fn end<T>(&mut self, outcome: Result<T, DbError>) -> Result<T, DbError> {
        if let Link::Sqlite(conn) = &mut self.link {
            return match outcome {
                Ok(value) => {
                    AnsiTransactionManager::commit_transaction(conn)?;
                    Ok(value)
                }
                Err(error) => {
                    AnsiTransactionManager::rollback_transaction(conn)?;
                    Err(error)
                }
            };
        }
        match outcome {
            Ok(value) => match self.batch("COMMIT") {
                Ok(()) => Ok(value),
                // Whether it was made is not known: nobody may try it again unasked.
                Err(error) if self.is_lost() || is_lost(&error) => {
                    self.lose();
                    let reason = "the connection was lost while a change was confirmed";
                    Err(DbError::Unavailable(reason.to_owned()))
                }
                Err(error) => Err(error.into()),
            },
            Err(error) => {
                if self.is_lost() || self.batch("ROLLBACK").is_err() {
                    self.lose();
                    return Err(match error {
                        // The server went away in the middle, whatever it said as it did.
                        DbError::Failed(source) => DbError::Interrupted(source.to_string()),
                        other => other,
                    });
                }
                Err(error)
            }
        }
    }

    /// Marks the connection as one that must not be used again.
    pub(super) fn lose(&mut self) {
        match &mut self.link {
            Link::Sqlite(_) => {}
            Link::Postgres(server) => server.lost = true,
            Link::Mysql(server) => server.lost = true,
        }
    }

    /// All of SQLite's changes that wait, in one transaction.
    pub(super) fn immediate<T>(
        &mut self,
        changes: impl FnOnce(&mut Self) -> QueryResult<T>,
    ) -> QueryResult<T> {
        self.exclusively("BEGIN IMMEDIATE", changes)
    }

    /// Within a transaction that SQLite begins with `words`. Servers have no such thing.
    pub(super) fn exclusively<T, E: From<DieselError>>(
        &mut self,
        words: &str,
        changes: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if let Link::Sqlite(conn) = &mut self.link {
            AnsiTransactionManager::begin_transaction_sql(conn, words)?;
        }
        let outcome = changes(self);
        if let Link::Sqlite(conn) = &mut self.link {
            match &outcome {
                Ok(_) => AnsiTransactionManager::commit_transaction(conn)?,
                Err(_) => AnsiTransactionManager::rollback_transaction(conn)?,
            }
        }
        outcome
    }
}

/// A connection to a server, and the small runtime that its driver runs on.
pub(super) struct Server<C> {
    // Before the runtime, on which its end is told to the server.
    pub(super) conn: C,
    pub(super) runtime: Runtime,
    /// What an answer may take: more than the server itself allows a statement.
    pub(super) patience: Duration,
    pub(super) lost: bool,
}

impl<C> Server<C> {
    /// Asks the server and waits.
    pub(super) fn ask<'a, T, F>(
        &'a mut self,
        question: impl FnOnce(&'a mut C) -> F,
    ) -> QueryResult<T>
    where
        F: Future<Output = QueryResult<T>>,
    {
        if self.lost {
            return Err(lost("the connection was lost"));
        }
        let answer = question(&mut self.conn);
        let patience = self.patience;
        let timed = async { tokio::time::timeout(patience, answer).await };
        let outcome = match self.runtime.block_on(timed) {
            Ok(outcome) => outcome,
            Err(_) => Err(lost("the server does not answer in time")),
        };
        if let Err(error) = &outcome {
            self.lost = is_lost(error);
        }
        outcome
    }
}

fn lost(reason: &str) -> DieselError {
    DieselError::DatabaseError(
        DatabaseErrorKind::ClosedConnection,
        Box::new(reason.to_owned()),
    )
}
