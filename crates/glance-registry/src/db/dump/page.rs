//! Reads rows in batches, by their key.

use diesel::QueryResult;
use diesel::sql_types::BigInt;
use thiserror::Error;

use super::row::{Row, RowError};
use super::tables::Table;
use crate::db::conn::Conn;
use crate::db::dialect::Engine;
use crate::db::error::DbError;
use crate::db::statement::{Bind, Statement};

/// Rows cannot be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// The database refuses.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A row holds what no row should.
    #[error("the database holds a row that cannot be carried: {word} {key}")]
    Row {
        word: &'static str,
        key: String,
        #[source]
        source: RowError,
    },
}

/// Tables of which nothing is carried: Glance's of its v2 API, and what only counts while somebody
/// works on an image.
const LEFT_OUT: [&str; 14] = [
    "image_leases",
    "tasks",
    "task_info",
    "metadef_namespaces",
    "metadef_namespace_resource_types",
    "metadef_objects",
    "metadef_properties",
    "metadef_resource_types",
    "metadef_tags",
    "artifacts",
    "artifact_blobs",
    "artifact_dependencies",
    "artifact_properties",
    "artifact_tags",
];

/// Up to `limit` rows behind the row `after`, in the order of their keys. That order is each engine's
/// own, and the same on all for numbers and for ids in small letters with dashes.
pub(crate) fn page(
    conn: &mut Conn,
    table: &Table,
    after: Option<&Row>,
    limit: i64,
) -> Result<Vec<Row>, ReadError> {
    let key = key_of(table);
    let mut binds: Vec<Bind> = after
        .and_then(|row| row.values().first())
        .cloned()
        .into_iter()
        .collect();
    let behind = match binds.len() {
        0 => String::new(),
        _ => format!("WHERE {key} > ? "),
    };
    binds.push(Bind::from(limit));
    let sql = format!("{} {behind}ORDER BY {key} LIMIT ?", selection(table));
    settled(
        table,
        (table.load)(conn, sql, binds).map_err(DbError::from)?,
    )
}

/// The rows that have the keys of these.
pub(crate) fn find(conn: &mut Conn, table: &Table, like: &[Row]) -> Result<Vec<Row>, ReadError> {
    let places = vec!["?"; like.len()].join(", ");
    let sql = format!("{} WHERE {} IN ({places})", selection(table), key_of(table));
    let keys = like.iter().filter_map(|row| row.values().first());
    let rows = (table.load)(conn, sql, keys.cloned().collect());
    settled(table, rows.map_err(DbError::from)?)
}

/// How many rows there are.
pub(crate) fn count(conn: &mut Conn, table: &Table) -> Result<u64, DbError> {
    Ok(number_of(conn, table.name)?)
}

/// Tables that hold rows and are not carried, with the number of their rows.
pub(crate) fn left_out(conn: &mut Conn) -> Result<Vec<(&'static str, u64)>, DbError> {
    let mut found = Vec::new();
    for name in LEFT_OUT {
        let sql = conn.engine().tables_called();
        let there: i64 =
            Statement::<BigInt>::passing(sql, vec![Bind::from(name)]).get_result(conn)?;
        if there == 0 {
            continue;
        }
        let rows = number_of(conn, name)?;
        if rows > 0 {
            found.push((name, rows));
        }
    }
    Ok(found)
}

fn number_of(conn: &mut Conn, table: &str) -> QueryResult<u64> {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let rows: i64 = Statement::<BigInt>::passing(sql, Vec::new()).get_result(conn)?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// Whether the columns of times hold whole seconds only, as those that Glance makes in MySQL.
pub(crate) fn has_whole_seconds(conn: &mut Conn) -> Result<bool, DbError> {
    if conn.engine() != Engine::Mysql {
        return Ok(false);
    }
    let sql = "SELECT CAST(COALESCE(MIN(datetime_precision), 0) AS SIGNED) \
         FROM information_schema.columns WHERE table_schema = DATABASE() \
         AND column_name IN ('created_at', 'updated_at', 'deleted_at') \
         AND table_name IN ('images', 'image_properties', 'image_locations', 'image_members', 'image_tags')";
    let digits: i64 = Statement::<BigInt>::passing(sql, Vec::new()).get_result(conn)?;
    Ok(digits < 6)
}

fn selection(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("t.{}", column.name))
        .collect();
    format!("SELECT {} FROM {} t", columns.join(", "), table.name)
}

fn key_of(table: &Table) -> String {
    format!("t.{}", table.columns.first().map_or("id", |key| key.name))
}

fn settled(table: &Table, mut rows: Vec<Row>) -> Result<Vec<Row>, ReadError> {
    for row in &mut rows {
        row.settle(table).map_err(|source| ReadError::Row {
            word: table.word,
            key: row.key(),
            source,
        })?;
    }
    Ok(rows)
}
