//! Rows as they come out of the tables, and the records that handlers get.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow, Queryable};
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::sql_types::{BigInt, Bool, Nullable, SqlType, Text, Timestamp};
use diesel::sqlite::Sqlite;
use diesel::{OptionalExtension, QueryResult};

use super::clock::SqlTime;
use super::conn::Conn;
use super::statement::{Bind, Statement};

/// An integer of whatever length the column has: Glance's are of 32 bits here and 64 there.
#[derive(Clone, Copy, Debug, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Long"))]
#[diesel(postgres_type(name = "int8"))]
#[diesel(mysql_type(name = "LongLong"))]
pub(crate) struct Whole;

impl FromSql<Whole, Sqlite> for i64 {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)
    }
}

impl FromSql<Whole, Mysql> for i64 {
    fn from_sql(value: <Mysql as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Mysql>>::from_sql(value)
    }
}

impl FromSql<Whole, Pg> for i64 {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = value.as_bytes();
        if let Ok(long) = bytes.try_into() {
            return Ok(Self::from_be_bytes(long));
        }
        Ok(i32::from_be_bytes(bytes.try_into()?).into())
    }
}

/// The columns of [`ImageRow`] in its order, of the table alias `i`.
pub(super) const COLUMNS: &str = "i.id, i.name, i.size, i.status, i.created_at, i.updated_at, \
     i.deleted_at, i.deleted, i.disk_format, i.container_format, i.checksum, i.owner, i.min_disk, \
     i.min_ram, i.protected, i.virtual_size, i.visibility";

/// The SQL types of [`COLUMNS`].
pub(super) type Columns = (
    Text,
    Nullable<Text>,
    Nullable<Whole>,
    Text,
    Timestamp,
    Nullable<Timestamp>,
    Nullable<Timestamp>,
    Bool,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Whole,
    Whole,
    Bool,
    Nullable<Whole>,
    Text,
);

/// The row of the image `id`, deleted or not; within a change nobody else changes it meanwhile.
pub(super) fn by_id(conn: &mut Conn, id: &str) -> QueryResult<Option<ImageRow>> {
    let lock = conn.row_lock();
    let sql = format!("SELECT {COLUMNS} FROM images i WHERE i.id = ?{lock}");
    let row = Statement::<Columns>::kept(sql, vec![Bind::from(id)]).get_result(conn);
    row.optional()
}

/// The row of the image `id`, which the same transaction has made or read.
pub(super) fn again(conn: &mut Conn, id: &str) -> QueryResult<ImageRow> {
    by_id(conn, id)?.ok_or(diesel::result::Error::NotFound)
}

/// A row of `images`.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ImageRow {
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Glance's word for the state.
    pub status: String,
    /// When it was registered.
    pub created_at: SqlTime,
    /// When it changed last.
    pub updated_at: Option<SqlTime>,
    /// When it was deleted.
    pub deleted_at: Option<SqlTime>,
    /// Whether it is gone.
    pub deleted: bool,
    /// Format of the disk.
    pub disk_format: Option<String>,
    /// Format of the container.
    pub container_format: Option<String>,
    /// MD5, hexadecimal.
    pub checksum: Option<String>,
    /// Whom it belongs to.
    pub owner: Option<String>,
    /// GiB.
    pub min_disk: i64,
    /// MiB.
    pub min_ram: i64,
    /// Must not be deleted.
    pub protected: bool,
    /// Bytes of the disk that it describes.
    pub virtual_size: Option<i64>,
    /// Glance's word for who sees it.
    pub visibility: String,
}

/// The columns of [`Summary`], and those that lists are merged by.
pub(super) const SUMMARY_COLUMNS: &str = "i.id, i.name, i.size, i.disk_format, \
     i.container_format, i.checksum, i.created_at, i.updated_at, i.status";

/// The SQL types of [`SUMMARY_COLUMNS`].
pub(super) type SummaryColumns = (
    Text,
    Nullable<Text>,
    Nullable<Whole>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Timestamp,
    Nullable<Timestamp>,
    Text,
);

/// An item of a short list.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Summary {
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Format of the disk.
    pub disk_format: Option<String>,
    /// Format of the container.
    pub container_format: Option<String>,
    /// MD5, hexadecimal.
    pub checksum: Option<String>,
    created_at: Unread,
    updated_at: Unread,
    status: Unread,
}

/// A column that only the database looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromSqlRow)]
pub struct Unread;

impl<ST, DB: Backend> FromSql<ST, DB> for Unread {
    fn from_sql(_: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self)
    }

    fn from_nullable_sql(_: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        Ok(Self)
    }
}
