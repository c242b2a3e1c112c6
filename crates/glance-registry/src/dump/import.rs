//! Brings a dump's rows into a database, in batches; one that was interrupted goes on where it was.

use std::collections::HashMap;
use std::io::BufRead;
use std::slice;

use super::export::{self, unwritable};
use super::reader::Reader;
use super::sum::Rows;
use super::{Counts, DumpError, line};
use crate::db::dump::{
    Row, TABLES, Table, at_one_moment, complete, count, find, has_whole_seconds, put,
};
use crate::db::{Conn, DbError};

/// Rows of a batch.
const TOGETHER: usize = 1000;
/// Bytes of a batch's lines, but for one line more.
const BYTES: usize = 1 << 20;

/// What an import did.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the dump holds.
    pub(crate) counts: Counts,
    /// Rows that were in the database already.
    pub(crate) found: u64,
    /// Whether times lost what is less than a second, for which the database has no room.
    pub(crate) cut: bool,
}

/// Reads a dump to its end, without a database: whether it is whole.
pub(crate) fn check(source: &mut dyn BufRead) -> Result<Counts, DumpError> {
    let mut reader = Reader::new(source)?;
    while reader.next()?.is_some() {}
    Ok(reader.counts())
}

/// Adds the dump's rows to the database, compares those that are there, and in the end everything: after
/// `Ok` the database holds what the dump holds and nothing else. After an error it may hold a part,
/// and the same import can be begun again.
pub(crate) fn import(conn: &mut Conn, source: &mut dyn BufRead) -> Result<Report, DumpError> {
    let mut load = Load::begin(conn)?;
    let mut reader = Reader::new(source)?;
    while let Some((table, mut row)) = reader.next()? {
        load.cut |= load.whole_seconds && row.cut_times();
        while load.table < table {
            load.end_table(conn)?;
        }
        load.add(conn, row)?;
    }
    while load.table < TABLES.len() {
        load.end_table(conn)?;
    }
    complete(conn)?;
    load.verify(conn)?;
    Ok(Report {
        counts: reader.counts(),
        found: load.found.0.iter().sum(),
        cut: load.cut,
    })
}

struct Load {
    whole_seconds: bool,
    cut: bool,
    /// Rows that were there when it began.
    before: Counts,
    /// Those of them that the dump has, too.
    found: Counts,
    /// The number of the table that is being loaded.
    table: usize,
    batch: Vec<Row>,
    bytes: usize,
    sums: [Rows; TABLES.len()],
}

impl Load {
    fn begin(conn: &mut Conn) -> Result<Self, DumpError> {
        let mut before = Counts::default();
        for (table, count_before) in TABLES.iter().zip(&mut before.0) {
            *count_before = count(conn, table)?;
        }
        // An interrupted import leaves nothing without images.
        if let Some(index) = before.0.iter().position(|count| *count > 0)
            && index > 0
        {
            let words = TABLES[index].called();
            return Err(DumpError::Others { words });
        }
        Ok(Self {
            whole_seconds: has_whole_seconds(conn)?,
            cut: false,
            before,
            found: Counts::default(),
            table: 0,
            batch: Vec::new(),
            bytes: 0,
            sums: Default::default(),
        })
    }

    fn add(&mut self, conn: &mut Conn, row: Row) -> Result<(), DumpError> {
        let line = line::row(&TABLES[self.table], &row).map_err(unwritable)?;
        self.sums[self.table].add(line.as_bytes());
        self.bytes += line.len();
        self.batch.push(row);
        if self.batch.len() >= TOGETHER || self.bytes >= BYTES {
            self.write(conn)?;
        }
        Ok(())
    }

    /// Writes what of the batch is not there yet. Rows were written in the dump's order, so those that
    /// an import left come first; where others follow, they are not the dump's.
    fn write(&mut self, conn: &mut Conn) -> Result<(), DumpError> {
        let table = &TABLES[self.table];
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if self.found.0[self.table] == self.before.0[self.table] {
            return put_all(conn, table, &batch);
        }
        let there: HashMap<String, Row> = find(conn, table, &batch)?
            .into_iter()
            .map(|row| (row.key(), row))
            .collect();
        let mut missing = Vec::new();
        for row in batch {
            let Some(known) = there.get(&row.key()) else {
                missing.push(row);
                continue;
            };
            if let Some(column) = row.difference(table, known) {
                return Err(DumpError::Differs {
                    word: table.word,
                    key: row.key(),
                    column,
                });
            }
            self.found.0[self.table] += 1;
        }
        if !missing.is_empty() {
            self.check_found()?;
        }
        put_all(conn, table, &missing)
    }

    fn end_table(&mut self, conn: &mut Conn) -> Result<(), DumpError> {
        self.write(conn)?;
        self.check_found()?;
        self.table += 1;
        Ok(())
    }

    /// Whether all rows that were there have been met.
    fn check_found(&self) -> Result<(), DumpError> {
        if self.found.0[self.table] == self.before.0[self.table] {
            return Ok(());
        }
        let words = TABLES[self.table].called();
        Err(DumpError::Others { words })
    }

    /// Reads everything again, at one moment, and compares the sums.
    fn verify(&self, conn: &mut Conn) -> Result<(), DumpError> {
        at_one_moment(conn, |conn| {
            for (table, wanted) in TABLES.iter().zip(&self.sums) {
                let mut sum = Rows::default();
                export::rows(conn, table, |row| {
                    let line = line::row(table, row).map_err(unwritable)?;
                    sum.add(line.as_bytes());
                    Ok(())
                })?;
                if sum != *wanted {
                    return Err(DumpError::NotTheSame(table.called()));
                }
            }
            Ok(())
        })
    }
}

/// Writes rows in one transaction; if the database refuses, finds out which.
fn put_all(conn: &mut Conn, table: &Table, rows: &[Row]) -> Result<(), DumpError> {
    let refused = match put(conn, table, rows) {
        Ok(()) => return Ok(()),
        Err(error @ DbError::Unavailable(_)) => return Err(error.into()),
        Err(error) => error,
    };
    for row in rows {
        if let Err(source) = put(conn, table, slice::from_ref(row)) {
            let (word, key) = (table.word, row.key());
            return Err(DumpError::Refused { word, key, source });
        }
    }
    Err(refused.into())
}
