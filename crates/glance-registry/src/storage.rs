//! The database as `[database]` describes it.

use std::time::Duration;

use glance_config::DatabaseConfig;
use thiserror::Error;

use crate::db::{Limits, Target, UrlError};

/// An option names no database that can be used.
#[derive(Debug, Error)]
#[error("[database] {option}: {source}")]
pub struct PlaceError {
    option: &'static str,
    source: UrlError,
}

/// Where the database is.
pub(crate) fn target(config: &DatabaseConfig) -> Result<Target, PlaceError> {
    let parsed = Target::parse(
        config.connection.reveal(),
        config.sqlite_synchronous,
        config.statement_timeout.max(Duration::from_secs(1)),
    );
    parsed.map_err(|source| PlaceError {
        option: "connection",
        source,
    })
}

/// Where lists are read, if not from the database itself.
pub(crate) fn replica(config: &DatabaseConfig) -> Result<Option<Target>, PlaceError> {
    let wrong = |source| PlaceError {
        option: "slave_connection",
        source,
    };
    let Some(url) = &config.slave_connection else {
        return Ok(None);
    };
    let deadline = config.statement_timeout.max(Duration::from_secs(1));
    match Target::parse(url.reveal(), true, deadline).map_err(wrong)? {
        Target::File { .. } => Err(wrong(UrlError::Server(
            "a server is needed: a file has no replica".to_owned(),
        ))),
        server => Ok(Some(server)),
    }
}

/// How many connections there may be. For a file, whose readers are threads of this process, that is
/// their number.
pub(crate) fn limits(config: &DatabaseConfig, target: &Target, threads: usize) -> Limits {
    let (size, overflow, recycle) = match target {
        Target::File { .. } => (u32::try_from(threads).unwrap_or(u32::MAX), 0, None),
        Target::Server(_) => (
            config.max_pool_size.get(),
            config.max_overflow.unwrap_or(50),
            config.connection_recycle_time.limit(),
        ),
    };
    Limits {
        size,
        overflow,
        recycle,
        wait: config.pool_timeout.map_or(Limits::WAIT, |seconds| {
            Duration::from_secs(seconds.into()).max(Limits::LEAST_WAIT)
        }),
        retries: config.max_retries.limit(),
        retry_interval: config.retry_interval,
    }
}
