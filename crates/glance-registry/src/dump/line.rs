//! The lines of a dump: the first, a row, the last.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Counts, DumpError, FORMAT, REVISION};
use crate::db::dump::{Row, TABLES, Table};

#[derive(Deserialize, Serialize)]
struct First {
    dump: Head,
}

#[derive(Deserialize, Serialize)]
struct Head {
    format: u64,
    #[serde(default)]
    revision: String,
}

/// The first line.
pub(super) fn first() -> Result<String, serde_json::Error> {
    let (format, revision) = (FORMAT, REVISION.to_owned());
    serde_json::to_string(&First {
        dump: Head { format, revision },
    })
}

/// Looks whether this is a first line, and one that we understand.
pub(super) fn check_first(line: &[u8]) -> Result<(), DumpError> {
    let First { dump } = serde_json::from_slice(line).map_err(|_| DumpError::NoDump)?;
    match dump.format {
        FORMAT if dump.revision == REVISION => Ok(()),
        FORMAT => Err(DumpError::OtherRevision(
            dump.revision.chars().take(40).collect(),
        )),
        0 => Err(DumpError::NoDump),
        newer => Err(DumpError::Newer(newer)),
    }
}

struct Worded<'a>(&'a Table, &'a Row);

impl Serialize for Worded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0.word, &self.1.fields(self.0))?;
        map.end()
    }
}

/// A row's line.
pub(super) fn row(table: &Table, row: &Row) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Worded(table, row))
}

/// What the last line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) counts: Counts,
    /// Hexadecimal.
    pub(super) sha256: String,
}

/// The last line.
pub(super) fn last(last: &Last) -> Result<String, serde_json::Error> {
    struct Ends<'a>(&'a Last);
    impl Serialize for Ends<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for (table, count) in TABLES.iter().zip(self.0.counts.0) {
                map.serialize_entry(table.words, &count)?;
            }
            map.serialize_entry("sha256", &self.0.sha256)?;
            map.end()
        }
    }
    #[derive(Serialize)]
    struct End<'a> {
        end: Ends<'a>,
    }
    serde_json::to_string(&End { end: Ends(last) })
}

/// A line behind the first.
#[derive(Debug)]
pub(super) enum Line {
    /// A row of the table with this number.
    Row(usize, Row),
    Last(Last),
}

/// Reads the line `number`.
pub(super) fn parse(line: &[u8], number: u64) -> Result<Line, DumpError> {
    let damaged = || DumpError::Line(number);
    let map: Map<String, Value> = serde_json::from_slice(line).map_err(|_| damaged())?;
    let mut entries = map.into_iter();
    let (Some((word, Value::Object(fields))), None) = (entries.next(), entries.next()) else {
        return Err(damaged());
    };
    if word == "end" {
        return ends(&fields).map(Line::Last).ok_or_else(damaged);
    }
    let index = TABLES.iter().position(|table| table.word == word);
    let index = index.ok_or_else(damaged)?;
    let row = Row::parse(&TABLES[index], fields).map_err(|source| DumpError::Row {
        line: number,
        word: TABLES[index].word,
        source,
    })?;
    Ok(Line::Row(index, row))
}

fn ends(fields: &Map<String, Value>) -> Option<Last> {
    let mut counts = Counts::default();
    for (table, count) in TABLES.iter().zip(&mut counts.0) {
        *count = fields.get(table.words)?.as_u64()?;
    }
    let sha256 = fields.get("sha256")?.as_str()?.to_owned();
    (fields.len() == TABLES.len() + 1).then_some(Last { counts, sha256 })
}
