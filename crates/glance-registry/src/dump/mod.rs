//! Dumps: a database's records as lines of JSON, to move them to another engine.
//!
//! The first line says what it is, `{"dump":{"format":1,"revision":"pike01"}}`. Then comes a line for each row,
//! `{"image":{"id":…}}`, the tables one after the other, each in the order of its keys. The last
//! line has the number of rows of each kind and the SHA-256 of all lines before it, so that a dump
//! that was cut or changed is known. What a row holds is carried as it is: locations stay encrypted if
//! they are, and show their credentials if they are not.

mod export;
mod import;
mod line;
mod reader;
mod sum;

pub(crate) use export::{Exported, export};
pub(crate) use import::{check, import};

use std::fmt;

use thiserror::Error;

use crate::db::DbError;
use crate::db::dump::{ReadError, RowError, TABLES};

/// The form of the lines.
const FORMAT: u64 = 1;
/// The revision of Glance's schema whose columns the lines have.
const REVISION: &str = "pike01";

/// Why a dump cannot be made or used.
#[derive(Debug, Error)]
pub(crate) enum DumpError {
    /// The database refuses.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A row of the database is not as it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The dump cannot be written.
    #[error("the dump cannot be written")]
    Write(#[source] std::io::Error),
    /// The dump cannot be read.
    #[error("the dump cannot be read")]
    Source(#[source] std::io::Error),
    /// It begins otherwise.
    #[error("this is no dump that glance-manage db_export wrote")]
    NoDump,
    /// A newer program wrote it.
    #[error(
        "the dump has format {0}; this program reads format {FORMAT} only: a newer one is needed"
    )]
    Newer(u64),
    /// Its columns are those of another release of Glance.
    #[error("the dump is of Glance's schema revision {0}; this program knows {REVISION} only")]
    OtherRevision(String),
    /// A line is none.
    #[error("the dump is damaged: line {0} is no line of a dump")]
    Line(u64),
    /// A line's row is none.
    #[error("the dump is damaged: line {line} is not a whole {word}")]
    Row {
        line: u64,
        word: &'static str,
        #[source]
        source: RowError,
    },
    /// The tables are not one after the other.
    #[error("the dump is damaged: line {line} has a row of {words} in the wrong place")]
    Place { line: u64, words: &'static str },
    /// The last line is not there.
    #[error("the dump is cut off: it ends without its last line, after {0}")]
    CutOff(Counts),
    /// There are not as many rows as the last line says.
    #[error("the dump is damaged: its last line says {said}, and it has {found}")]
    Counts { said: Counts, found: Counts },
    /// Other rows than those that were written.
    #[error("the dump is damaged: its lines do not have the checksum that its last line says")]
    Changed,
    /// More than there should be.
    #[error("the dump is damaged: something follows its last line")]
    Behind,
    /// The database is in use for something else.
    #[error(
        "the database holds {words} that are not the dump's; import into an empty database, or into \
         the one that an interrupted import of this dump left"
    )]
    Others { words: &'static str },
    /// The database has another row.
    #[error("{word} {key} is in the database already with another {column}")]
    Differs {
        word: &'static str,
        key: String,
        column: &'static str,
    },
    /// The database does not take a row.
    #[error("the database refuses {word} {key}")]
    Refused {
        word: &'static str,
        key: String,
        #[source]
        source: DbError,
    },
    /// What was written is not what is there.
    #[error("after the import the database's {0} are not the dump's")]
    NotTheSame(&'static str),
}

/// How many rows there are of each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u64; TABLES.len()]);

impl fmt::Display for Counts {
    /// `51 images, 83 properties, …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (table, count)) in TABLES.iter().zip(self.0).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", table.called())?;
        }
        Ok(())
    }
}
