//! Points in time as SQLAlchemy keeps them in each engine, and this database's own clock.

use std::fmt;
use std::io::Write;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::mysql::Mysql;
use diesel::mysql::data_types::{MysqlTime, MysqlTimestampType};
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Text, Timestamp as Moment};
use diesel::sqlite::Sqlite;
use glance_core::timestamp::Timestamp;
use serde::{Serialize, Serializer};

use super::conn::Conn;
use super::statement::Statement;

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A column's point in time: `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, which sorts as text.
///
/// It stays text between the database and the answer: parsing and writing it again would cost more
/// than the rest of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Moment)]
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

impl SqlTime {
    /// From microseconds since 1970. Years beyond four digits become the nearest that has four.
    pub(super) fn from_micros(micros: i64) -> Self {
        let (day, within) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = date(day.clamp(-719_162, 2_932_896));
        let (seconds, micros) = (within / 1_000_000, within % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        Self(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"
        ))
    }

    fn parsed(&self) -> Result<Timestamp, String> {
        Timestamp::parse(&self.0).ok_or_else(|| format!("{} is no point in time", self.0))
    }
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Year, month and day of the `days`th day after 1970-01-01, by years that begin in March.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl FromSql<Moment, Sqlite> for SqlTime {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}

impl ToSql<Moment, Sqlite> for SqlTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <str as ToSql<Text, Sqlite>>::to_sql(self.0.as_str(), out)
    }
}

impl FromSql<Moment, Pg> for SqlTime {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        Ok(Self::from_micros(micros.saturating_add(POSTGRES_EPOCH)))
    }
}

impl ToSql<Moment, Pg> for SqlTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.parsed()?.naive().and_utc().timestamp_micros();
        let since = micros.saturating_sub(POSTGRES_EPOCH);
        out.write_all(&since.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Mysql> for SqlTime {
    fn from_sql(value: <Mysql as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let time = <MysqlTime as FromSql<Moment, Mysql>>::from_sql(value)?;
        Ok(Self(format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
            time.year, time.month, time.day, time.hour, time.minute, time.second, time.second_part
        )))
    }
}

impl ToSql<Moment, Mysql> for SqlTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
        use chrono::{Datelike, Timelike};
        let time = self.parsed()?.naive();
        let time = MysqlTime::new(
            u32::try_from(time.year())?,
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            (time.nanosecond() / 1000).into(),
            false,
            MysqlTimestampType::MYSQL_TIMESTAMP_DATETIME,
            0,
        );
        <MysqlTime as ToSql<Moment, Mysql>>::to_sql(&time, &mut out.reborrow())
    }
}

/// Microseconds since 1970 by the database's clock: the one that all daemons share.
pub(crate) fn database_now(conn: &mut Conn) -> QueryResult<i64> {
    Statement::<BigInt>::kept(conn.engine().now(), Vec::new()).get_result(conn)
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

    #[test]
    fn counts_days_as_the_calendar_does() {
        for text in [
            "1970-01-01 00:00:00.000000",
            "1969-12-31 23:59:59.999999",
            "2000-02-29 12:34:56.000001",
            "2100-03-01 00:00:00.000000",
            "1900-02-28 01:02:03.000000",
            "9999-12-31 23:59:59.999999",
        ] {
            let time = SqlTime::from(Timestamp::parse(text).unwrap());
            let micros = time.parsed().unwrap().naive().and_utc().timestamp_micros();
            assert_eq!(SqlTime::from_micros(micros).as_str(), text);
        }
    }
}
