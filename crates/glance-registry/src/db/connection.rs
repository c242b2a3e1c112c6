//! Connections to SQLite: where it is, and how it is tuned.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError, QueryResult};
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// KiB of pages that the writer keeps.
const WRITER_CACHE: u32 = 2048;
/// KiB of pages that all readers together keep: what a daemon of less than 64 MiB can spare.
const READER_CACHE: u32 = 32 * 1024;

/// The readers' connections.
pub(super) type Pool = diesel::r2d2::Pool<ConnectionManager<SqliteConnection>>;

/// The URL names no database that we can use. The URL itself may hold a password and is not shown.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Another kind of database.
    #[error("[database] connection: {0} is not supported yet; use sqlite:////absolute/path")]
    Unsupported(String),
    /// No path, or none that a file can have.
    #[error("[database] connection: a database in a file is needed, as sqlite:////absolute/path")]
    NoPath,
}

/// A database file and how careful to be with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    durable: bool,
}

impl Target {
    /// Reads SQLAlchemy's form: `sqlite:///relative/path` or `sqlite:////absolute/path`. `durable`:
    /// a change is on the disk before it is confirmed.
    pub fn parse(url: &str, durable: bool) -> Result<Self, UrlError> {
        let (engine, rest) = url.split_once("://").ok_or(UrlError::NoPath)?;
        if engine != "sqlite" && !engine.starts_with("sqlite+") {
            let kind = engine.split('+').next().unwrap_or_default();
            return Err(UrlError::Unsupported(kind.chars().take(20).collect()));
        }
        let rest = rest.split('?').next().unwrap_or_default();
        let path = rest.strip_prefix('/').ok_or(UrlError::NoPath)?;
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| UrlError::NoPath)?;
        if path.is_empty() || path == ":memory:" || path.contains('\0') {
            return Err(UrlError::NoPath);
        }
        Ok(Self {
            path: PathBuf::from(&*path),
            durable,
        })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn text(&self) -> String {
        // A path that begins with `file:` would be read as a URI.
        let path = self.path.to_string_lossy();
        if path.starts_with('/') {
            path.into_owned()
        } else {
            format!("./{path}")
        }
    }

    /// `cache`: KiB of pages that the connection may keep.
    fn settings(&self, cache: u32) -> String {
        // FULL flushes the log at each commit: a confirmed change survives a power loss.
        let synchronous = if self.durable { "FULL" } else { "NORMAL" };
        format!(
            "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
             PRAGMA synchronous = {synchronous}; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -{cache}; PRAGMA mmap_size = 0; \
             PRAGMA journal_size_limit = 67108864;"
        )
    }
}

/// A connection to write with: its file is made if there is none, and its journal is the log (WAL)
/// in which readers never wait for the writer.
pub(super) fn establish(target: &Target) -> Result<SqliteConnection, ConnectionError> {
    let mut conn = SqliteConnection::establish(&target.text())?;
    let mut prepare = || -> QueryResult<()> {
        conn.batch_execute(&target.settings(WRITER_CACHE))?;
        // Changing the journal's form takes a lock that does not heed busy_timeout.
        for _ in 0..100 {
            match conn.batch_execute("PRAGMA journal_mode = WAL") {
                Err(error) if error.to_string().contains("locked") => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => return other,
            }
        }
        conn.batch_execute("PRAGMA journal_mode = WAL")
    };
    prepare().map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// The readers' connections, `size` of them, opened when they are first needed.
pub(super) fn pool(target: &Target, size: u32) -> Result<Pool, diesel::r2d2::PoolError> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // A file does not hang up; asking before each use would double the work.
        .test_on_check_out(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connection_timeout(Duration::from_secs(5))
        .connection_customizer(Box::new(Reader(
            target.settings(READER_CACHE / size.max(1)),
        )))
        .build(ConnectionManager::new(target.text()))
}

#[derive(Debug)]
struct Reader(String);

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Reader {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        conn.batch_execute(&self.0)
            .and_then(|()| conn.batch_execute("PRAGMA query_only = ON"))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sqlalchemys_urls() {
        let path = |url| Target::parse(url, true).map(|target| target.path);
        assert_eq!(path("sqlite:////var/lib/x.db"), Ok("/var/lib/x.db".into()));
        assert_eq!(path("sqlite:///x.db?timeout=5"), Ok("x.db".into()));
        assert_eq!(path("sqlite://"), Err(UrlError::NoPath));
        assert_eq!(path("sqlite:///:memory:"), Err(UrlError::NoPath));
        let other = path("mysql+pymysql://u:secret@h/glance").unwrap_err();
        assert_eq!(other, UrlError::Unsupported("mysql".to_owned()));
        assert!(!other.to_string().contains("secret"));
    }
}
