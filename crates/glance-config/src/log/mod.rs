//! The log: Glance's format options on top of env_logger.

mod date_format;
mod format;
mod levels;
mod options;

pub use date_format::DateFormat;
pub use format::LogFormat;
pub use levels::ModuleLevels;
pub use options::LogConfig;
