//! Makes and completes the tables, and refuses those that it does not know.
//!
//! The first migration is Glance 15's schema of images, as its own `pike01` revision leaves it; what
//! follows is ours and harmless to Glance. Tables of Glance that only its v2 API uses (tasks,
//! metadefs) are kept where they are and not made where they are not.

use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use thiserror::Error;

use super::statement::{Bind, Statement};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The revision of Glance's schema that we know.
const REVISION: &str = "pike01";

/// Why a database cannot be used.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// Glance's schema of another release.
    #[error(
        "the database has Glance's schema revision {0}; this program knows {REVISION} only. \
         A newer program is needed if it is newer, Glance 15's db_sync if it is older"
    )]
    OtherRevision(String),
    /// A newer program of ours has changed the tables.
    #[error("a newer program has changed the database's tables (migration {0}); use that program")]
    Newer(String),
    /// Tables without the note of their revision.
    #[error(
        "the database has a table of images but no alembic_version: Glance 14 or older made it; \
         upgrade it with Glance 15's db_sync first"
    )]
    Unversioned,
    /// The database refused.
    #[error("cannot read or change the database's tables")]
    Database(#[source] diesel::result::Error),
    /// A migration failed.
    #[error("cannot change the database's tables: {0}")]
    Migration(String),
}

impl From<diesel::result::Error> for SchemaError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

/// What state the tables are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There are none.
    Empty,
    /// They are Glance's, or older ones of ours: `db_sync` completes them.
    Incomplete,
    /// As this program needs them.
    Current,
}

/// Makes what is missing. Two that do it at once wait for each other; doing it again does nothing.
pub fn sync(conn: &mut SqliteConnection) -> Result<(), SchemaError> {
    if condition(conn)? == Condition::Current {
        return Ok(());
    }
    conn.exclusive_transaction(|conn| {
        // The other one may have been quicker.
        if condition(conn)? == Condition::Current {
            return Ok(());
        }
        conn.run_pending_migrations(MIGRATIONS)
            .map_err(|error| SchemaError::Migration(error.to_string()))?;
        Ok::<(), SchemaError>(())
    })?;
    // Once per upgrade, so that rare statements, which have no index named, are planned well.
    conn.batch_execute("PRAGMA optimize")?;
    Ok(())
}

/// Looks at the tables without changing anything, at one moment: another may be making them.
pub fn condition(conn: &mut SqliteConnection) -> Result<Condition, SchemaError> {
    conn.transaction(look)
}

fn look(conn: &mut SqliteConnection) -> Result<Condition, SchemaError> {
    let revision = version(conn)?;
    let has_images = has_table(conn, "images")?;
    match &revision {
        Some(other) if other != REVISION => return Err(SchemaError::OtherRevision(other.clone())),
        None if has_images => return Err(SchemaError::Unversioned),
        _ => {}
    }
    if !has_images {
        return Ok(Condition::Empty);
    }
    let known = known_migrations();
    let applied = applied_migrations(conn)?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Err(SchemaError::Newer(newer.clone()));
    }
    if known.iter().all(|version| applied.contains(version)) {
        Ok(Condition::Current)
    } else {
        Ok(Condition::Incomplete)
    }
}

/// The revision of Glance's schema, as its own tools note it.
pub fn version(conn: &mut SqliteConnection) -> Result<Option<String>, SchemaError> {
    if !has_table(conn, "alembic_version")? {
        return Ok(None);
    }
    let sql = "SELECT version_num FROM alembic_version";
    Ok(Statement::<Text>::passing(sql, Vec::new())
        .get_result(conn)
        .optional()?)
}

fn known_migrations() -> Vec<String> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).unwrap_or_default();
    migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect()
}

fn applied_migrations(conn: &mut SqliteConnection) -> Result<Vec<String>, SchemaError> {
    if !has_table(conn, "__diesel_schema_migrations")? {
        return Ok(Vec::new());
    }
    let applied: Vec<MigrationVersion<'_>> = conn
        .applied_migrations()
        .map_err(|error| SchemaError::Migration(error.to_string()))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn has_table(conn: &mut SqliteConnection, name: &str) -> QueryResult<bool> {
    let sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?";
    let count: i64 = Statement::<BigInt>::passing(sql, vec![Bind::from(name)]).get_result(conn)?;
    Ok(count > 0)
}
