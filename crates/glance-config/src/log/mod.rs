//! The log: Glance's format options on top of env_logger, to standard error or a file.
//!
//! Lines are handed to a thread of its own, so that a slow or full disk never holds up a request:
//! what cannot be kept is counted, and the count is written when there is room again.

mod date_format;
mod format;
mod levels;
mod logger;
mod options;
mod output;
mod plan;
mod python_file;
mod sink;

pub use date_format::DateFormat;
pub use format::LogFormat;
pub use levels::ModuleLevels;
pub use logger::{flush, init, reconfigure, reopen, set_level};
pub use options::LogConfig;

use std::path::PathBuf;

use crate::error::ConfigError;

/// Why there is no log as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file cannot be opened.
    #[error("Unable to open the log file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The Python logging configuration file cannot be used.
    #[error("Unable to use the logging configuration")]
    PythonFile(#[from] ConfigError),
    /// The thread that writes the log cannot be started.
    #[error("Unable to start the thread that writes the log")]
    Thread(#[source] std::io::Error),
    /// Another logger is in place, or none yet.
    #[error("{0}")]
    Order(&'static str),
}
