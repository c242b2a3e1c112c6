//! A statement with a text of our own that diesel keeps prepared.
//!
//! diesel never caches `sql_query` or boxed queries; a list's text is one of a few dozen, so its
//! plan is worth keeping.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, RunQueryDsl};

/// A value for a `?`.
#[derive(Clone, Debug)]
pub(crate) enum Bind {
    Text(String),
    Integer(i64),
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// SQL with a `?` for each value, whose rows have the SQL types `Columns`. No text literal in it may
/// contain a question mark.
#[derive(Clone, Debug)]
pub(crate) struct Statement<Columns> {
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

impl<Columns> QueryFragment<Sqlite> for Statement<Columns> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if !self.keep {
            out.unsafe_to_cache_prepared();
        }
        let mut pieces = self.sql.split('?');
        if let Some(first) = pieces.next() {
            out.push_sql(first);
        }
        for (piece, bind) in pieces.zip(&self.binds) {
            match bind {
                Bind::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Bind::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
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
