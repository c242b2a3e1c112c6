//! Connections to SQLite: how they are tuned.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError, QueryResult};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// KiB of pages that the writer keeps.
const WRITER_CACHE: u32 = 2048;
/// KiB of pages that all readers together keep: what a daemon of less than 64 MiB can spare.
const READER_CACHE: u32 = 16 * 1024;

fn name(path: &Path) -> String {
    // A path that begins with `file:` would be read as a URI.
    let path = path.to_string_lossy();
    if path.starts_with('/') {
        path.into_owned()
    } else {
        format!("./{path}")
    }
}

/// `cache`: KiB of pages that the connection may keep.
fn settings(durable: bool, cache: u32) -> String {
    // FULL flushes the log at each commit: a confirmed change survives a power loss.
    let synchronous = if durable { "FULL" } else { "NORMAL" };
    format!(
        "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
         PRAGMA synchronous = {synchronous}; PRAGMA temp_store = MEMORY; \
         PRAGMA cache_size = -{cache}; PRAGMA mmap_size = 0; \
         PRAGMA journal_size_limit = 67108864;"
    )
}

/// A connection to write with: its file is made if there is none, and its journal is the log (WAL)
/// in which readers never wait for the writer.
pub(super) fn writer(path: &Path, durable: bool) -> Result<SqliteConnection, ConnectionError> {
    let mut conn = SqliteConnection::establish(&name(path))?;
    let mut prepare = || -> QueryResult<()> {
        conn.batch_execute(&settings(durable, WRITER_CACHE))?;
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

/// One of `readers` connections to read with. The file is not made.
pub(super) fn reader(path: &Path, readers: u32) -> Result<SqliteConnection, ConnectionError> {
    let path = percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC);
    let mut conn = SqliteConnection::establish(&format!("file:{path}?mode=rw"))?;
    let share = READER_CACHE / readers.max(1);
    conn.batch_execute(&settings(true, share))
        .and_then(|()| conn.batch_execute("PRAGMA query_only = ON"))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}
