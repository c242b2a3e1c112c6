//! A row of any table: its values, and the same as the fields of a line.

use std::fmt;

use glance_core::timestamp::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use thiserror::Error;

use super::tables::{Column, Shape, Table};
use crate::db::SqlTime;
use crate::db::statement::Bind;

/// The values of a row, in the order of its table's columns. They may hold credentials: Debug hides
/// them.
#[derive(Clone, PartialEq)]
pub(crate) struct Row(Vec<Bind>);

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&self.key()).finish()
    }
}

/// What is wrong with a row; its values are not shown.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum RowError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not what it should be")]
    Wrong(&'static str),
    #[error("it has {0}, which this program does not know")]
    Unknown(String),
}

impl Row {
    pub(super) fn new(values: Vec<Bind>) -> Self {
        Self(values)
    }

    /// The values.
    pub(super) fn values(&self) -> &[Bind] {
        &self.0
    }

    /// What it is called by: the value of its first column.
    pub(crate) fn key(&self) -> String {
        match self.0.first() {
            Some(Bind::Text(Some(text))) => text.clone(),
            Some(Bind::Integer(Some(number))) => number.to_string(),
            _ => String::new(),
        }
    }

    /// The name of the first column in which the other row has another value.
    pub(crate) fn difference(&self, table: &Table, other: &Self) -> Option<&'static str> {
        let pairs = self.0.iter().zip(&other.0).zip(table.columns);
        let mut unlike = pairs.filter(|((one, two), _)| one != two);
        unlike.next().map(|(_, column)| column.name)
    }

    /// Writes each time in the form that engines write; other tools have written shorter ones.
    pub(super) fn settle(&mut self, table: &Table) -> Result<(), RowError> {
        for (value, column) in self.0.iter_mut().zip(table.columns) {
            if let Bind::Time(Some(time)) = value
                && !is_usual(time.as_str())
            {
                let parsed = Timestamp::parse(time.as_str());
                *time = SqlTime::from(parsed.ok_or(RowError::Wrong(column.name))?);
            }
        }
        Ok(())
    }

    /// Cuts the times off at whole seconds, where the columns hold no more. True: something was cut.
    pub(crate) fn cut_times(&mut self) -> bool {
        let mut cut = false;
        for value in &mut self.0 {
            if let Bind::Time(Some(time)) = value
                && let Some((seconds, fraction)) = time.as_str().split_once('.')
                && fraction != "000000"
                && let Some(whole) = Timestamp::parse(seconds)
            {
                *time = SqlTime::from(whole);
                cut = true;
            }
        }
        cut
    }

    /// Reads the fields of a line.
    pub(crate) fn parse(table: &Table, mut fields: Map<String, Value>) -> Result<Self, RowError> {
        let mut values = Vec::with_capacity(table.columns.len());
        for column in table.columns {
            let field = fields.remove(column.name);
            let field = field.ok_or(RowError::Missing(column.name))?;
            values.push(value(*column, field).ok_or(RowError::Wrong(column.name))?);
        }
        match fields.into_iter().next() {
            Some((name, _)) => Err(RowError::Unknown(name.chars().take(40).collect())),
            None => Ok(Self(values)),
        }
    }

    /// The fields of a line.
    pub(crate) fn fields<'a>(&'a self, table: &'a Table) -> impl Serialize + 'a {
        Fields(table, self)
    }
}

/// Whether a time is written as SQLAlchemy does: `YYYY-MM-DD HH:MM:SS.ffffff`.
fn is_usual(text: &str) -> bool {
    let form = b"dddd-dd-dd dd:dd:dd.dddddd";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == *form,
        })
        // MySQL writes what is no day at all so.
        && !text.starts_with("0000")
}

fn value(column: Column, field: Value) -> Option<Bind> {
    if field.is_null() {
        return column.nullable.then_some(match column.shape {
            Shape::Text => Bind::Text(None),
            Shape::Integer => Bind::Integer(None),
            Shape::Time => Bind::Time(None),
            Shape::Flag => return None,
        });
    }
    Some(match column.shape {
        Shape::Text => match field {
            Value::String(text) => Bind::Text(Some(text)),
            _ => return None,
        },
        Shape::Integer => Bind::Integer(Some(field.as_i64()?)),
        Shape::Time => Bind::Time(Some(SqlTime::from(Timestamp::parse(field.as_str()?)?))),
        Shape::Flag => Bind::Flag(field.as_bool()?),
    })
}

struct Fields<'a>(&'a Table, &'a Row);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.columns.len()))?;
        for (column, value) in self.0.columns.iter().zip(&self.1.0) {
            match value {
                Bind::Text(text) => map.serialize_entry(column.name, text)?,
                Bind::Integer(number) => map.serialize_entry(column.name, number)?,
                Bind::Time(time) => map.serialize_entry(column.name, time)?,
                Bind::Flag(flag) => map.serialize_entry(column.name, flag)?,
            }
        }
        map.end()
    }
}

macro_rules! into_bind {
    ($($from:ty => $variant:ident),+) => {
        $(impl From<$from> for Bind {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

into_bind!(String => Text, Option<String> => Text, SqlTime => Time, Option<SqlTime> => Time);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::dump::TABLES;

    fn parse(text: &str) -> Result<Row, RowError> {
        Row::parse(&TABLES[4], serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_row_is_the_same_after_a_line() {
        let text = r#"{"id":7,"image_id":"i","value":"gold\u0000é","created_at":"2026-01-02T03:04:05.000006","updated_at":null,"deleted_at":"2026-01-02T03:04:05.000000","deleted":true}"#;
        let row = parse(text).unwrap();
        assert_eq!(
            serde_json::to_string(&row.fields(&TABLES[4])).unwrap(),
            text
        );
        assert_eq!(row.key(), "7");
        let mut whole = row.clone();
        assert!(whole.cut_times());
        assert!(!whole.cut_times());
        assert_eq!(row.difference(&TABLES[4], &whole), Some("created_at"));
        assert_eq!(row.difference(&TABLES[4], &row), None);
    }

    #[test]
    fn what_is_no_row_is_refused_without_its_values() {
        let fields = r#""id":7,"image_id":"i","value":"gold","created_at":"2026-01-02T03:04:05","updated_at":null,"deleted_at":null"#;
        let reason = |rest: &str| parse(&format!("{{{fields}{rest}}}")).unwrap_err();
        assert_eq!(reason(""), RowError::Missing("deleted"));
        assert_eq!(reason(r#","deleted":"secret""#), RowError::Wrong("deleted"));
        assert_eq!(reason(r#","deleted":null"#), RowError::Wrong("deleted"));
        let unknown = RowError::Unknown("x".to_owned());
        assert_eq!(reason(r#","deleted":true,"x":1"#), unknown);
    }

    #[test]
    fn times_of_other_tools_become_the_usual() {
        let time = |text: &str| SqlTime::from(Timestamp::parse(text).unwrap());
        assert!(is_usual(time("2026-01-02T03:04:05").as_str()));
        for text in ["2026-01-02 03:04:05", "x", "0000-00-00 00:00:00.000000"] {
            assert!(!is_usual(text), "{text}");
        }
    }
}
