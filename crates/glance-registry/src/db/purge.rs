//! Removes the rows of what was deleted long ago, and keeps the ids of its images from being used again.

use diesel::sql_types::Text;
use thiserror::Error;

use super::clock::{SqlTime, database_now};
use super::conn::Conn;
use super::error::DbError;
use super::rows::Whole;
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

/// Rows that go in one transaction, which is short enough for nobody to notice.
const TOGETHER: i64 = 100;

/// Removes, from each table, at most `max_rows` rows that were deleted more than `age_in_days` days
/// ago, the oldest first, a few at a time. Tells `report` the number for each table, also where it
/// then fails. An image whose children
/// are not all gone stays for the next purge, where Glance fails on it. Ids of images that go are
/// retired: [`insert`](super::insert) refuses them as it refuses those of deleted images.
pub fn purge(
    conn: &mut Conn,
    age_in_days: u32,
    max_rows: u32,
    mut report: impl FnMut(&'static str, usize),
) -> Result<(), PurgeError> {
    for table in TABLES {
        let (mut rows, mut outcome) = (0, Ok(()));
        let mut left = i64::from(max_rows);
        while left > 0 {
            let limit = TOGETHER.min(left);
            match retried(conn, |conn| some(conn, table, age_in_days, limit)) {
                Ok(Some(gone)) => rows += gone,
                Ok(None) => break,
                Err(source) => {
                    outcome = Err(PurgeError { table, source });
                    break;
                }
            }
            left -= limit;
        }
        report(table, rows);
        outcome?;
    }
    Ok(())
}

fn retried<T>(
    conn: &mut Conn,
    work: impl Fn(&mut Conn) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let embedded = conn.engine().is_embedded();
    for _ in 0..5 {
        let outcome = if embedded {
            // Not deferred: what is read here is what goes.
            conn.exclusively("BEGIN IMMEDIATE", &work)
        } else {
            conn.change(&work)
        };
        match outcome {
            Err(error) if error.is_passing() && !conn.is_lost() => {}
            outcome => return outcome.map_err(DbError::at_last),
        }
    }
    Err(DbError::Unavailable("others are in the way".to_owned()))
}

/// Removes up to `limit` rows. Gives how many went, fewer than were found where somebody else purges, too;
/// none: there are no more.
fn some(
    conn: &mut Conn,
    table: &'static str,
    age_in_days: u32,
    limit: i64,
) -> Result<Option<usize>, DbError> {
    let engine = conn.engine();
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
    let age = i64::from(age_in_days) * 86_400_000_000;
    let moment = SqlTime::from_micros(database_now(conn)?.saturating_sub(age));
    let binds = || vec![Bind::from(&moment), Bind::from(limit)];
    let rest = format!(
        "FROM {table} t WHERE t.deleted = {} AND t.deleted_at < ? {free} \
         ORDER BY t.deleted_at LIMIT ?",
        engine.flag(true)
    );
    // Images are known by a text, the others by a number.
    let rows: Vec<Bind> = if table == "images" {
        let ids: Vec<String> =
            Statement::<Text>::passing(format!("SELECT t.id {rest}"), binds()).load(conn)?;
        ids.iter().map(|id| Bind::from(id.as_str())).collect()
    } else {
        let ids: Vec<i64> =
            Statement::<Whole>::passing(format!("SELECT t.id {rest}"), binds()).load(conn)?;
        ids.into_iter().map(Bind::from).collect()
    };
    if rows.is_empty() {
        return Ok(None);
    }
    if table == "images" {
        retire(conn, rows.clone())?;
    }
    let places = vec!["?"; rows.len()].join(", ");
    let sql = format!("DELETE FROM {table} WHERE id IN ({places})");
    Ok(Some(Statement::passing(sql, rows).execute(conn)?))
}

/// Notes ids that no image may have any more; those that are noted already stay.
fn retire(conn: &mut Conn, ids: Vec<Bind>) -> Result<(), DbError> {
    let engine = conn.engine();
    let places = vec!["(?)"; ids.len()].join(", ");
    let sql = format!(
        "INSERT INTO retired_images (id) VALUES {places} {} id = {}",
        engine.on_conflict("id"),
        engine.proposed("id")
    );
    Statement::passing(sql, ids).execute(conn)?;
    Ok(())
}
