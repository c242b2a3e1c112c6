//! Points in time as SQLAlchemy keeps them in SQLite, and this database's own clock.

use std::fmt;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use glance_core::timestamp::Timestamp;
use serde::{Serialize, Serializer};

use super::statement::Statement;

/// A column's point in time: `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, which sorts as text.
///
/// It stays text between the database and the answer: parsing and writing it again would cost more
/// than the rest of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct SqlTime(String);

impl SqlTime {
    /// The present moment.
    pub fn now() -> Self {
        Self::from(Timestamp::now())
    }

    /// The text of the column.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Timestamp> for SqlTime {
    fn from(time: Timestamp) -> Self {
        Self(time.naive().format("%Y-%m-%d %H:%M:%S%.6f").to_string())
    }
}

impl fmt::Display for SqlTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SqlTime {
    /// Glance v1's form: a `T` in the middle and always six digits.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.as_bytes();
        if bytes.len() == 26 && bytes[10] == b' ' && bytes[19] == b'.' {
            let mut text = self.0.clone();
            text.replace_range(10..11, "T");
            return serializer.serialize_str(&text);
        }
        // Other tools leave out the fraction, or write a T.
        match Timestamp::parse(&self.0) {
            Some(time) => time.serialize(serializer),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl FromSql<Text, Sqlite> for SqlTime {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}

impl ToSql<Text, Sqlite> for SqlTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <str as ToSql<Text, Sqlite>>::to_sql(self.0.as_str(), out)
    }
}

/// Microseconds since 1970 by the database's clock: the one that all daemons share.
pub(crate) fn database_now(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let sql = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    Statement::<BigInt>::kept(sql, Vec::new()).get_result(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_other_tools_write() {
        let json = |text: &str| serde_json::to_value(SqlTime(text.to_owned())).unwrap();
        assert_eq!(
            json("2026-11-21 01:27:41.321494"),
            "2026-11-21T01:27:41.321494"
        );
        assert_eq!(json("2026-11-21 01:27:41"), "2026-11-21T01:27:41.000000");
        assert_eq!(json("2026-11-21T01:27:41.5"), "2026-11-21T01:27:41.500000");
    }

    #[test]
    fn writes_as_sqlalchemy_does() {
        let time = Timestamp::parse("2010-02-03T09:34:01").unwrap();
        assert_eq!(SqlTime::from(time).as_str(), "2010-02-03 09:34:01.000000");
    }
}
