//! Removes the rows of what was deleted long ago.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use thiserror::Error;

use super::error::DbError;
use super::statement::{Bind, Statement};

/// Tables in the order in which their rows can go: those that refer to images before images.
const TABLES: [&str; 5] = [
    "image_locations",
    "image_members",
    "image_properties",
    "image_tags",
    "images",
];

/// Rows could not be removed.
#[derive(Debug, Error)]
#[error("cannot purge {table}")]
pub struct PurgeError {
    /// The table.
    table: &'static str,
    /// Why not.
    #[source]
    source: DbError,
}

/// Removes, from each table, at most `max_rows` rows that were deleted more than `age_in_days` days
/// ago, the oldest first. Gives the number for each table. An image whose children are not all gone
/// stays for the next purge, where Glance fails on it.
pub fn purge(
    conn: &mut SqliteConnection,
    age_in_days: u32,
    max_rows: u32,
) -> Result<Vec<(&'static str, i64)>, PurgeError> {
    let mut counts = Vec::new();
    for table in TABLES {
        let rows = one(conn, table, age_in_days, max_rows)
            .map_err(|source| PurgeError { table, source })?;
        counts.push((table, rows));
    }
    Ok(counts)
}

fn one(
    conn: &mut SqliteConnection,
    table: &'static str,
    age_in_days: u32,
    max_rows: u32,
) -> Result<i64, DbError> {
    let free = if table == "images" {
        "AND NOT EXISTS (SELECT 1 FROM image_locations c WHERE c.image_id = t.id) \
         AND NOT EXISTS (SELECT 1 FROM image_members c WHERE c.image_id = t.id) \
         AND NOT EXISTS (SELECT 1 FROM image_properties c WHERE c.image_id = t.id) \
         AND NOT EXISTS (SELECT 1 FROM image_tags c WHERE c.image_id = t.id) \
         AND NOT EXISTS (SELECT 1 FROM image_leases c WHERE c.image_id = t.id) \
         AND t.status <> 'pending_delete'"
    } else {
        // The scrubber needs the locations of images whose data is still to go.
        "AND NOT EXISTS (SELECT 1 FROM images c WHERE c.id = t.image_id AND c.status = 'pending_delete')"
    };
    let sql = format!(
        "SELECT t.rowid FROM {table} t WHERE t.deleted = 1 AND t.deleted_at < \
         strftime('%Y-%m-%d %H:%M:%f', 'now', ?) {free} ORDER BY t.deleted_at LIMIT ?"
    );
    let age = format!("-{age_in_days} days");
    conn.immediate_transaction(|conn| {
        let binds = vec![Bind::from(age.as_str()), Bind::from(i64::from(max_rows))];
        let rows: Vec<i64> = Statement::<BigInt>::passing(sql, binds).load(conn)?;
        for row in &rows {
            conn.batch_execute(&format!("DELETE FROM {table} WHERE rowid = {row}"))?;
        }
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    })
    .map_err(|error: diesel::result::Error| error.into())
}
