//! Writes a dump of the database as it is at one moment, with a batch of rows in memory.

use std::io::Write;

use super::line::{self, Last};
use super::sum::Lines;
use super::{Counts, DumpError};
use crate::db::Conn;
use crate::db::dump::{Row, TABLES, Table, at_one_moment, left_out, page};

/// Rows that are read at a time.
const TOGETHER: i64 = 1000;

/// What an export did.
#[derive(Debug)]
pub(crate) struct Exported {
    pub(crate) counts: Counts,
    /// Tables with rows that were not carried, and the number of these.
    pub(crate) left_out: Vec<(&'static str, u64)>,
}

/// Writes all records to `out`, which is whole when this returns `Ok`. Changes that are made
/// meanwhile are not in it.
pub(crate) fn export(conn: &mut Conn, out: &mut dyn Write) -> Result<Exported, DumpError> {
    at_one_moment(conn, |conn| {
        let mut sum = Lines::new();
        let mut put = |line: &str| {
            sum.add(line.as_bytes());
            writeln!(out, "{line}").map_err(DumpError::Write)
        };
        put(&line::first().map_err(unwritable)?)?;
        let mut counts = Counts::default();
        for (table, count) in TABLES.iter().zip(&mut counts.0) {
            rows(conn, table, |row| {
                *count += 1;
                put(&line::row(table, row).map_err(unwritable)?)
            })?;
        }
        let left_out = left_out(conn)?;
        let sha256 = sum.finish();
        let last = line::last(&Last { counts, sha256 }).map_err(unwritable)?;
        writeln!(out, "{last}").map_err(DumpError::Write)?;
        out.flush().map_err(DumpError::Write)?;
        Ok(Exported { counts, left_out })
    })
}

/// Shows all rows of a table, in order.
pub(super) fn rows(
    conn: &mut Conn,
    table: &Table,
    mut show: impl FnMut(&Row) -> Result<(), DumpError>,
) -> Result<(), DumpError> {
    let mut batch = page(conn, table, None, TOGETHER)?;
    while let Some(last) = batch.last() {
        for row in &batch {
            show(row)?;
        }
        batch = page(conn, table, Some(last), TOGETHER)?;
    }
    Ok(())
}

pub(super) fn unwritable(error: serde_json::Error) -> DumpError {
    DumpError::Write(error.into())
}
