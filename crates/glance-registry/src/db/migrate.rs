//! Makes and completes the tables, and refuses those that it does not know.
//!
//! The first migration is Glance 15's schema of images, as its own `pike01` revision leaves it; what
//! follows is ours and harmless to Glance. Tables of Glance that only its v2 API uses (tasks,
//! metadefs) are kept where they are and not made where they are not.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use thiserror::Error;
use tokio::runtime::Runtime;

use super::conn::{Conn, Link};
use super::dialect::Engine;
use super::servers;
use super::statement::{Bind, Statement};
use super::target::{Place, Target};

const ON_SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const ON_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const ON_MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

/// What an index on a million images may take.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// The revision of Glance's schema that we know.
const REVISION: &str = "pike01";

/// What Glance 15 notes of the same schema when it was made by its `db expand`, `migrate` and `contract`.
const IN_PHASES: [&str; 2] = ["pike_contract01", "pike_expand01"];

/// The migration that makes Glance's own tables.
const GLANCES: &str = "20170830000000";

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
        "the database has a table of images but no revision in alembic_version: Glance 14 or older \
         made it; upgrade it with Glance 15's db_sync first"
    )]
    Unversioned,
    /// The database refused.
    #[error("cannot read or change the database's tables")]
    Database(#[source] diesel::result::Error),
    /// The server cannot be reached.
    #[error("cannot reach the database's server to change its tables")]
    Connect(#[from] diesel::ConnectionError),
    /// A server of MySQL's kind keeps a binary log, and asks who makes triggers for more than rights on the
    /// database.
    #[error(
        "cannot make the database's triggers: its server keeps a binary log, and trusts only users \
         with SUPER. Run SET GLOBAL log_bin_trust_function_creators = 1 there as such a user, \
         then db_sync again; afterwards it may be 0 again"
    )]
    Untrusted,
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
pub fn sync(conn: &mut Conn, target: &Target) -> Result<(), SchemaError> {
    match target {
        Target::File { .. } => in_file(conn),
        Target::Server(place) => on_server(place, Direction::Forward),
    }
}

/// Takes back what [`sync`] added to Glance's tables, and leaves those, with all images, as Glance 15
/// makes them; what does not fit there is cut. Nobody may be using the database. Ids that a purge
/// retired are forgotten. Doing it again does nothing.
pub fn revert(conn: &mut Conn, target: &Target) -> Result<(), SchemaError> {
    if condition(conn)? == Condition::Empty || applied_migrations(conn)?.is_empty() {
        return Ok(());
    }
    match target {
        Target::File { .. } => conn.exclusively("BEGIN EXCLUSIVE", |conn| {
            let Link::Sqlite(file) = &mut conn.link else {
                return Ok(());
            };
            take_back(file, ON_SQLITE).map_err(failed)
        })?,
        Target::Server(place) => on_server(place, Direction::Back)?,
    }
    Ok(conn.batch("DROP TABLE IF EXISTS __diesel_schema_migrations")?)
}

fn take_back<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> diesel::migration::Result<()> {
    let migrations = MigrationSource::<DB>::migrations(&migrations)?;
    // Newest first; Glance's own is the oldest.
    for version in conn.applied_migrations()? {
        let mut known = migrations.iter();
        let ours = known.find(|one| one.name().version() == version);
        if let Some(ours) = ours.filter(|_| version.to_string() != GLANCES) {
            conn.revert_migration(ours)?;
        }
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> SchemaError {
    let text = error.to_string();
    match text.contains("log_bin_trust_function_creators") {
        true => SchemaError::Untrusted,
        false => SchemaError::Migration(text),
    }
}

fn in_file(conn: &mut Conn) -> Result<(), SchemaError> {
    if condition(conn)? == Condition::Current {
        return Ok(());
    }
    conn.exclusively("BEGIN EXCLUSIVE", |conn| {
        // The other one may have been quicker.
        if look(conn)? == Condition::Current {
            return Ok(());
        }
        let Link::Sqlite(file) = &mut conn.link else {
            return Ok(());
        };
        file.run_pending_migrations(ON_SQLITE)
            .map(drop)
            .map_err(failed)
    })?;
    // Once per upgrade, so that rare statements, which have no index named, are planned well.
    Ok(conn.batch("PRAGMA optimize")?)
}

/// Where a database is going.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// To the newest tables.
    Forward,
    /// To Glance's.
    Back,
}

/// On two connections: one holds a lock that keeps others from doing the same, one does it.
fn on_server(place: &Place, direction: Direction) -> Result<(), SchemaError> {
    let place = Place {
        deadline: PATIENCE,
        ..place.clone()
    };
    let mut watch = servers::connect(&place)?;
    match place.engine {
        Engine::Mysql => {
            let sql = "SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 30), '-db-sync'), 21600)";
            let got: Option<i64> =
                Statement::<Nullable<BigInt>>::passing(sql, Vec::new()).get_result(&mut watch)?;
            if got != Some(1) {
                return Err(failed("another one is changing the tables"));
            }
        }
        _ => watch.batch("SELECT pg_advisory_lock(4713091127)")?,
    }
    if direction == Direction::Forward && condition(&mut watch)? == Condition::Current {
        return Ok(());
    }
    let runtime = Arc::new(servers::runtime()?);
    RUNTIME.set(Some(Arc::clone(&runtime)));
    let outcome = match place.engine {
        Engine::Mysql => {
            let conn = servers::in_time(&runtime, servers::mysql(&place))?;
            let mut conn = AsyncConnectionWrapper::<_, Own>::from(conn);
            match go(&mut conn, ON_MYSQL, direction) {
                // A db_sync that was killed left its server at work, which ended meanwhile.
                Err(error) if error.to_string().contains("Duplicate key name") => {
                    go(&mut conn, ON_MYSQL, direction)
                }
                outcome => outcome,
            }
        }
        _ => {
            let conn = servers::in_time(&runtime, servers::postgres(&place))?;
            let mut conn = AsyncConnectionWrapper::<_, Own>::from(conn);
            go(&mut conn, ON_POSTGRES, direction)
        }
    };
    RUNTIME.set(None);
    outcome.map_err(failed)
}

fn go<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
    direction: Direction,
) -> diesel::migration::Result<()> {
    match direction {
        Direction::Forward => conn.run_pending_migrations(migrations).map(drop),
        Direction::Back => take_back(conn, migrations),
    }
}

thread_local! {
    /// The runtime on which the connection that is to be wrapped was made.
    static RUNTIME: RefCell<Option<Arc<Runtime>>> = const { RefCell::new(None) };
}

/// Waits on the runtime that the connection was made on.
struct Own(Arc<Runtime>);

impl BlockOn for Own {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    #[expect(
        clippy::expect_used,
        reason = "on_server sets it before it wraps a connection"
    )]
    fn get_runtime() -> Self {
        Self(RUNTIME.with_borrow(Clone::clone).expect("a runtime is set"))
    }
}

/// Looks at the tables without changing anything. In a file at one moment: another may be making them.
pub fn condition(conn: &mut Conn) -> Result<Condition, SchemaError> {
    conn.exclusively("BEGIN", look)
}

fn look(conn: &mut Conn) -> Result<Condition, SchemaError> {
    let revisions = versions(conn)?;
    let has_images = has_table(conn, "images")?;
    let whole = |revision: &String| [REVISION, IN_PHASES[0]].contains(&revision.as_str());
    let known = |revision: &String| whole(revision) || revision == IN_PHASES[1];
    if revisions.is_empty() {
        if has_images {
            return Err(SchemaError::Unversioned);
        }
    } else if !revisions.iter().all(known) || !revisions.iter().any(whole) {
        return Err(SchemaError::OtherRevision(revisions.join(", ")));
    }
    if !has_images {
        return Ok(Condition::Empty);
    }
    let known = match conn.engine() {
        Engine::Sqlite => known_migrations::<Sqlite>(ON_SQLITE),
        Engine::Postgres => known_migrations::<Pg>(ON_POSTGRES),
        Engine::Mysql => known_migrations::<Mysql>(ON_MYSQL),
    };
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

/// The revisions of Glance's schema, as its own tools note them: one, or one for each branch.
pub fn versions(conn: &mut Conn) -> Result<Vec<String>, SchemaError> {
    if !has_table(conn, "alembic_version")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT version_num FROM alembic_version ORDER BY version_num";
    Ok(Statement::<Text>::passing(sql, Vec::new()).load(conn)?)
}

fn known_migrations<DB: Backend>(migrations: EmbeddedMigrations) -> Vec<String> {
    let migrations = MigrationSource::<DB>::migrations(&migrations).unwrap_or_default();
    migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect()
}

fn applied_migrations(conn: &mut Conn) -> Result<Vec<String>, SchemaError> {
    if !has_table(conn, "__diesel_schema_migrations")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT version FROM __diesel_schema_migrations";
    Ok(Statement::<Text>::passing(sql, Vec::new()).load(conn)?)
}

fn has_table(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    let sql = conn.engine().tables_called();
    let count: i64 = Statement::<BigInt>::passing(sql, vec![Bind::from(name)]).get_result(conn)?;
    Ok(count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_wants_more_for_triggers_is_told_of_in_a_sentence() {
        let said = "You do not have the SUPER privilege and binary logging is enabled (you *might* \
                    want to use the less safe log_bin_trust_function_creators variable)";
        let told = failed(said).to_string();
        assert!(
            told.contains("SET GLOBAL log_bin_trust_function_creators = 1"),
            "{told}"
        );
        assert!(matches!(failed("Disk full"), SchemaError::Migration(_)));
    }

    #[test]
    fn what_was_made_can_be_taken_back_and_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", directory.path().join("x").display());
        let target = Target::parse(&url, false, Duration::MAX).unwrap();
        let mut conn = crate::db::connect(&target).unwrap();
        sync(&mut conn, &target).unwrap();
        let Link::Sqlite(file) = &mut conn.link else {
            panic!("not a file");
        };
        file.revert_all_migrations(ON_SQLITE).unwrap();
        assert_eq!(condition(&mut conn).unwrap(), Condition::Empty);
        sync(&mut conn, &target).unwrap();
        assert_eq!(condition(&mut conn).unwrap(), Condition::Current);
    }
}
