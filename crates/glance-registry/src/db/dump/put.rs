//! Writes rows of a dump, a batch in each transaction, and ends a load.

use diesel::sql_types::BigInt;

use super::row::Row;
use super::tables::{TABLES, Table};
use crate::db::conn::Conn;
use crate::db::dialect::Engine;
use crate::db::error::DbError;
use crate::db::statement::Statement;

/// How often a batch is tried that others got in the way of.
const ATTEMPTS: u32 = 5;

/// Adds rows that are not there yet: all of them, or none.
pub(crate) fn put(conn: &mut Conn, table: &Table, rows: &[Row]) -> Result<(), DbError> {
    let embedded = conn.engine().is_embedded();
    let mut attempt = 1;
    loop {
        let outcome = if embedded {
            conn.exclusively("BEGIN IMMEDIATE", |conn| insert(conn, table, rows))
        } else {
            conn.change(|conn| insert(conn, table, rows))
        };
        match outcome {
            Err(DbError::Interrupted(_)) if attempt < ATTEMPTS && !conn.is_lost() => attempt += 1,
            outcome => return outcome.map_err(DbError::at_last),
        }
    }
}

fn insert(conn: &mut Conn, table: &Table, rows: &[Row]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let engine = conn.engine();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let place = |name: &&str| match *name {
        "visibility" => engine.visibility_place(),
        _ => "?",
    };
    let places: Vec<&str> = names.iter().map(place).collect();
    let places = vec![format!("({})", places.join(", ")); rows.len()].join(", ");
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {places}",
        table.name,
        names.join(", ")
    );
    let values = rows.iter().flat_map(Row::values).cloned().collect();
    Statement::passing(sql, values).execute(conn)?;
    Ok(())
}

/// Ends a load: rows that are made from now on get numbers of their own, and the server learns how
/// much there is of what, so that its first lists are planned well.
pub(crate) fn complete(conn: &mut Conn) -> Result<(), DbError> {
    if conn.engine() == Engine::Postgres {
        for table in TABLES.iter().filter(|table| table.is_numbered()) {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{0}', 'id'), MAX(id)) FROM {0} \
                 HAVING MAX(id) IS NOT NULL",
                table.name
            );
            let _: Vec<i64> = Statement::<BigInt>::passing(sql, Vec::new()).load(conn)?;
        }
    }
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    // With those that triggers made of the others.
    let names = format!("{}, shared_images", names.join(", "));
    let sql = match conn.engine() {
        Engine::Sqlite => "PRAGMA optimize".to_owned(),
        Engine::Postgres => format!("ANALYZE {names}"),
        Engine::Mysql => format!("ANALYZE TABLE {names}"),
    };
    // Who may write need not be allowed this, and it happens by itself sooner or later.
    if let Err(error) = conn.batch(&sql) {
        log::warn!("the tables' sizes could not be noted: {error}");
    }
    Ok(())
}
