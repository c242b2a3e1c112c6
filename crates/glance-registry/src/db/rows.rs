//! Rows as they come out of the tables, and the records that handlers get.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow, Queryable};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;
use glance_core::image::Properties;

use super::clock::SqlTime;
use super::locations::Location;

/// The columns of [`ImageRow`] in its order, of the table alias `i`.
pub(super) const COLUMNS: &str = "i.id, i.name, i.size, i.status, i.created_at, i.updated_at, \
     i.deleted_at, i.deleted, i.disk_format, i.container_format, i.checksum, i.owner, i.min_disk, \
     i.min_ram, i.protected, i.virtual_size, i.visibility";

/// The SQL types of [`COLUMNS`].
pub(super) type Columns = (
    Text,
    Nullable<Text>,
    Nullable<BigInt>,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Bool,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    BigInt,
    BigInt,
    Bool,
    Nullable<BigInt>,
    Text,
);

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

/// An image with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Its row.
    pub row: ImageRow,
    /// Its properties.
    pub properties: Properties,
    /// Its locations, in the order they were added.
    pub locations: Vec<Location>,
}

/// The columns of [`Summary`], and those that lists are merged by.
pub(super) const SUMMARY_COLUMNS: &str = "i.id, i.name, i.size, i.disk_format, \
     i.container_format, i.checksum, i.created_at, i.updated_at, i.status";

/// The SQL types of [`SUMMARY_COLUMNS`].
pub(super) type SummaryColumns = (
    Text,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Nullable<Text>,
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

impl FromSql<Text, Sqlite> for Unread {
    fn from_sql(_: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self)
    }
}

impl FromSql<Nullable<Text>, Sqlite> for Unread {
    fn from_sql(_: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self)
    }

    fn from_nullable_sql(
        _: Option<<Sqlite as Backend>::RawValue<'_>>,
    ) -> deserialize::Result<Self> {
        Ok(Self)
    }
}
