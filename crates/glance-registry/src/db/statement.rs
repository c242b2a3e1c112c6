//! A statement with a text of our own that stays prepared, on whichever engine it runs.
//!
//! diesel never caches `sql_query` or boxed queries; a list's text is one of a few dozen, so its
//! plan is worth keeping.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Nullable, Text, Timestamp};
use diesel::sqlite::SqliteConnection;
use diesel::{QueryResult, RunQueryDsl};
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};

use super::clock::SqlTime;
use super::conn::{Conn, Link};

/// A value for a `?`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bind {
    Text(Option<String>),
    Integer(Option<i64>),
    Time(Option<SqlTime>),
    Flag(bool),
}

impl Bind {
    /// Bytes that its text takes.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Text(Some(text)) => text.len(),
            _ => 0,
        }
    }
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<&str>> for Bind {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Bind {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<&SqlTime> for Bind {
    fn from(time: &SqlTime) -> Self {
        Self::Time(Some(time.clone()))
    }
}

impl From<Option<&SqlTime>> for Bind {
    fn from(time: Option<&SqlTime>) -> Self {
        Self::Time(time.cloned())
    }
}

impl From<bool> for Bind {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// SQL with a `?` for each value, whose rows have the SQL types `Columns`. No text literal in it may
/// contain a question mark.
#[derive(Debug)]
pub(crate) struct Statement<Columns = ()> {
    sql: String,
    binds: Vec<Bind>,
    keep: bool,
    columns: PhantomData<fn() -> Columns>,
}

impl<Columns> Statement<Columns> {
    /// A statement that stays prepared: its text must be one of a bounded number.
    pub(crate) fn kept(sql: impl Into<String>, binds: Vec<Bind>) -> Self {
        Self {
            sql: sql.into(),
            binds,
            keep: true,
            columns: PhantomData,
        }
    }

    /// A statement that is prepared anew each time: its text may be anything.
    pub(crate) fn passing(sql: impl Into<String>, binds: Vec<Bind>) -> Self {
        Self {
            keep: false,
            ..Self::kept(sql, binds)
        }
    }

    /// A statement that this one is a part of, with the same values; `wrap` adds none.
    pub(crate) fn within<Other>(self, wrap: impl FnOnce(&str) -> String) -> Statement<Other> {
        Statement {
            sql: wrap(&self.sql),
            binds: self.binds,
            keep: self.keep,
            columns: PhantomData,
        }
    }

    #[cfg(test)]
    pub(crate) fn explained(&self) -> Statement<(BigInt, BigInt, BigInt, Text)> {
        Statement::passing(
            format!("EXPLAIN QUERY PLAN {}", self.sql),
            self.binds.clone(),
        )
    }

    #[cfg(test)]
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }
}

/// A statement whose rows each engine can give as `U`.
pub(crate) trait Answers<U>:
    diesel::query_dsl::methods::LoadQuery<'static, SqliteConnection, U>
    + diesel_async::methods::LoadQuery<'static, AsyncPgConnection, U>
    + diesel_async::methods::LoadQuery<'static, AsyncMysqlConnection, U>
{
}

impl<T, U> Answers<U> for T where
    T: diesel::query_dsl::methods::LoadQuery<'static, SqliteConnection, U>
        + diesel_async::methods::LoadQuery<'static, AsyncPgConnection, U>
        + diesel_async::methods::LoadQuery<'static, AsyncMysqlConnection, U>
{
}

impl<Columns: 'static> Statement<Columns> {
    /// All rows.
    pub(crate) fn load<U>(self, conn: &mut Conn) -> QueryResult<Vec<U>>
    where
        U: Send + 'static,
        Self: Answers<U>,
    {
        #[cfg(test)]
        recorded::note(&self.sql, &self.binds);
        match &mut conn.link {
            Link::Sqlite(conn) => RunQueryDsl::load(self, conn),
            Link::Postgres(server) => {
                server.ask(|conn| diesel_async::RunQueryDsl::load(self, conn))
            }
            Link::Mysql(server) => server.ask(|conn| diesel_async::RunQueryDsl::load(self, conn)),
        }
    }

    /// The first row; diesel's `NotFound` if there is none.
    pub(crate) fn get_result<U>(self, conn: &mut Conn) -> QueryResult<U>
    where
        U: Send + 'static,
        Self: Answers<U>,
    {
        let rows = self.load(conn)?;
        rows.into_iter().next().ok_or(DieselError::NotFound)
    }
}

impl Statement<()> {
    /// Runs it; the number of rows that it made, found to change, or removed.
    pub(crate) fn execute(self, conn: &mut Conn) -> QueryResult<usize> {
        match &mut conn.link {
            Link::Sqlite(conn) => RunQueryDsl::execute(self, conn),
            Link::Postgres(server) => {
                server.ask(|conn| diesel_async::RunQueryDsl::execute(self, conn))
            }
            Link::Mysql(server) => {
                server.ask(|conn| diesel_async::RunQueryDsl::execute(self, conn))
            }
        }
    }
}

impl<Columns, DB> QueryFragment<DB> for Statement<Columns>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt> + HasSqlType<Timestamp> + HasSqlType<Bool>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
    SqlTime: ToSql<Timestamp, DB>,
    bool: ToSql<Bool, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.keep {
            out.unsafe_to_cache_prepared();
        }
        let mut pieces = self.sql.split('?');
        if let Some(first) = pieces.next() {
            out.push_sql(first);
        }
        for (piece, bind) in pieces.zip(&self.binds) {
            match bind {
                Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Bind::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number)?,
                Bind::Time(time) => out.push_bind_param::<Nullable<Timestamp>, _>(time)?,
                Bind::Flag(flag) => out.push_bind_param::<Bool, _>(flag)?,
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl<Columns> QueryId for Statement<Columns> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Columns> Query for Statement<Columns> {
    type SqlType = Columns;
}

impl<Columns> RunQueryDsl<SqliteConnection> for Statement<Columns> {}

/// What is asked on this thread, for tests that look at the statements themselves.
#[cfg(test)]
pub(crate) mod recorded {
    use std::cell::RefCell;

    use super::Bind;

    type Statements = Vec<(String, Vec<Bind>)>;

    thread_local! {
        static NOTED: RefCell<Option<Statements>> = const { RefCell::new(None) };
    }

    pub(super) fn note(sql: &str, binds: &[Bind]) {
        NOTED.with_borrow_mut(|noted| {
            if let Some(noted) = noted {
                noted.push((sql.to_owned(), binds.to_vec()));
            }
        });
    }

    /// The statements that `work` asks for rows, in order.
    pub(crate) fn during(work: impl FnOnce()) -> Statements {
        NOTED.set(Some(Vec::new()));
        work();
        NOTED.take().unwrap_or_default()
    }
}
