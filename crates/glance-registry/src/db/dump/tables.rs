//! Which tables and columns a dump carries, and how their rows are read.

use diesel::QueryResult;
use diesel::sql_types::{Bool, Nullable, Text, Timestamp};

use super::row::Row;
use crate::db::conn::Conn;
use crate::db::rows::{self, Whole};
use crate::db::statement::{Bind, Statement};

/// A table that is carried.
#[derive(Debug)]
pub(crate) struct Table {
    /// In the database.
    pub(crate) name: &'static str,
    /// One row of it, in a line of the dump and in messages.
    pub(crate) word: &'static str,
    /// Several rows of it, in the last line.
    pub(crate) words: &'static str,
    /// Its columns; the first is its key, by which its rows are ordered.
    pub(crate) columns: &'static [Column],
    /// Reads rows with the columns in that order.
    pub(super) load: fn(&mut Conn, String, Vec<Bind>) -> QueryResult<Vec<Row>>,
}

impl Table {
    /// Several rows of it, in messages.
    pub(crate) fn called(&self) -> &'static str {
        match self.words {
            "retired" => "retired ids",
            words => words,
        }
    }

    /// Whether the database numbers its rows.
    pub(super) fn is_numbered(&self) -> bool {
        let key = self.columns.first();
        key.is_some_and(|key| key.shape == Shape::Integer)
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, here and there.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) shape: Shape,
    /// Whether it may be null.
    pub(crate) nullable: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Integer,
    Time,
    Flag,
}

const fn text(name: &'static str) -> Column {
    column(name, Shape::Text, false)
}

const fn integer(name: &'static str) -> Column {
    column(name, Shape::Integer, false)
}

const fn time(name: &'static str) -> Column {
    column(name, Shape::Time, false)
}

const fn flag(name: &'static str) -> Column {
    column(name, Shape::Flag, false)
}

const fn column(name: &'static str, shape: Shape, nullable: bool) -> Column {
    Column {
        name,
        shape,
        nullable,
    }
}

const fn or_null(column: Column) -> Column {
    Column {
        nullable: true,
        ..column
    }
}

type When = Nullable<Timestamp>;
type Moment = crate::db::SqlTime;
type MaybeMoment = Option<Moment>;

/// How rows are read that come as these SQL types and are these types here, with a name for each.
macro_rules! rows_of {
    ($columns:ty, $row:ty, $($value:ident)+) => {
        |conn, sql, binds| {
            let rows: Vec<$row> = Statement::<$columns>::passing(sql, binds).load(conn)?;
            let row = |($($value,)+): $row| Row::new(vec![$($value.into()),+]);
            Ok(rows.into_iter().map(row).collect())
        }
    };
}

/// In an order in which each row can be written: images before what refers to them. Rows of one image
/// are not together; that would take a question for each image.
pub(crate) const TABLES: [Table; 6] = [
    Table {
        name: "images",
        word: "image",
        words: "images",
        columns: &[
            text("id"),
            or_null(text("name")),
            or_null(integer("size")),
            text("status"),
            time("created_at"),
            or_null(time("updated_at")),
            or_null(time("deleted_at")),
            flag("deleted"),
            or_null(text("disk_format")),
            or_null(text("container_format")),
            or_null(text("checksum")),
            or_null(text("owner")),
            integer("min_disk"),
            integer("min_ram"),
            flag("protected"),
            or_null(integer("virtual_size")),
            text("visibility"),
        ],
        load: |conn, sql, binds| {
            let rows: Vec<rows::ImageRow> =
                Statement::<rows::Columns>::passing(sql, binds).load(conn)?;
            let row = |row: rows::ImageRow| {
                Row::new(vec![
                    row.id.into(),
                    row.name.into(),
                    row.size.into(),
                    row.status.into(),
                    row.created_at.into(),
                    row.updated_at.into(),
                    row.deleted_at.into(),
                    row.deleted.into(),
                    row.disk_format.into(),
                    row.container_format.into(),
                    row.checksum.into(),
                    row.owner.into(),
                    row.min_disk.into(),
                    row.min_ram.into(),
                    row.protected.into(),
                    row.virtual_size.into(),
                    row.visibility.into(),
                ])
            };
            Ok(rows.into_iter().map(row).collect())
        },
    },
    Table {
        name: "image_properties",
        word: "property",
        words: "properties",
        columns: &[
            integer("id"),
            text("image_id"),
            text("name"),
            or_null(text("value")),
            time("created_at"),
            or_null(time("updated_at")),
            or_null(time("deleted_at")),
            flag("deleted"),
        ],
        load: rows_of!(
            (Whole, Text, Text, Nullable<Text>, Timestamp, When, When, Bool),
            (i64, String, String, Option<String>, Moment, MaybeMoment, MaybeMoment, bool),
            id image name value created updated gone deleted
        ),
    },
    Table {
        name: "image_locations",
        word: "location",
        words: "locations",
        columns: &[
            integer("id"),
            text("image_id"),
            // As it is: encrypted, if it is.
            text("value"),
            time("created_at"),
            or_null(time("updated_at")),
            or_null(time("deleted_at")),
            flag("deleted"),
            or_null(text("meta_data")),
            text("status"),
        ],
        load: rows_of!(
            (Whole, Text, Text, Timestamp, When, When, Bool, Nullable<Text>, Text),
            (i64, String, String, Moment, MaybeMoment, MaybeMoment, bool, Option<String>, String),
            id image value created updated gone deleted meta status
        ),
    },
    Table {
        name: "image_members",
        word: "member",
        words: "members",
        columns: &[
            integer("id"),
            text("image_id"),
            text("member"),
            flag("can_share"),
            time("created_at"),
            or_null(time("updated_at")),
            or_null(time("deleted_at")),
            flag("deleted"),
            text("status"),
        ],
        load: rows_of!(
            (Whole, Text, Text, Bool, Timestamp, When, When, Bool, Text),
            (i64, String, String, bool, Moment, MaybeMoment, MaybeMoment, bool, String),
            id image member share created updated gone deleted status
        ),
    },
    Table {
        name: "image_tags",
        word: "tag",
        words: "tags",
        columns: &[
            integer("id"),
            text("image_id"),
            text("value"),
            time("created_at"),
            or_null(time("updated_at")),
            or_null(time("deleted_at")),
            flag("deleted"),
        ],
        load: rows_of!(
            (Whole, Text, Text, Timestamp, When, When, Bool),
            (i64, String, String, Moment, MaybeMoment, MaybeMoment, bool),
            id image value created updated gone deleted
        ),
    },
    Table {
        name: "retired_images",
        word: "retired",
        words: "retired",
        columns: &[text("id")],
        load: |conn, sql, binds| {
            let rows: Vec<String> = Statement::<Text>::passing(sql, binds).load(conn)?;
            Ok(rows
                .into_iter()
                .map(|id| Row::new(vec![id.into()]))
                .collect())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Target, connect, sync};

    /// A column that Glance or a migration of ours adds must not be left behind unnoticed.
    #[test]
    fn every_column_of_these_tables_is_carried() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", directory.path().join("x").display());
        let target = Target::parse(&url, false, std::time::Duration::MAX).unwrap();
        let mut conn = connect(&target).unwrap();
        sync(&mut conn, &target).unwrap();
        for table in &TABLES {
            let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name);
            let mut there: Vec<String> = Statement::<Text>::passing(sql, Vec::new())
                .load(&mut conn)
                .unwrap();
            let mut carried: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            there.sort();
            carried.sort_unstable();
            assert_eq!(there, carried, "{}", table.name);
        }
    }
}
