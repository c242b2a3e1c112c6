//! The records as a dump carries them: rows of every table that matters, read and written in batches.
//!
//! [`tables`] says what is carried; everything else about a dump (its lines, its sums) is in
//! [`crate::dump`].

mod page;
mod put;
mod row;
mod tables;

pub(crate) use page::{ReadError, count, find, has_whole_seconds, left_out, page};
pub(crate) use put::{complete, put};
pub(crate) use row::{Row, RowError};
pub(crate) use tables::{TABLES, Table};

use super::conn::Conn;
use super::error::DbError;

/// Asks all of `question` at one moment of the database, however long that takes.
pub(crate) fn at_one_moment<T, E: From<DbError>>(
    conn: &mut Conn,
    question: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    let mut outcome = None;
    let ended = conn.snapshot(|conn| {
        outcome = Some(question(conn));
        Ok(())
    });
    match (outcome, ended) {
        (Some(Ok(_)) | None, Err(error)) => Err(error.into()),
        (Some(outcome), _) => outcome,
        (None, Ok(())) => Err(DbError::Unavailable("nothing was asked".to_owned()).into()),
    }
}
