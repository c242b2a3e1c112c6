//! What is logged, how it looks and where it goes.

use std::path::PathBuf;

use super::date_format::DateFormat;
use super::format::LogFormat;
use super::levels::ModuleLevels;

options! {
    /// What is logged, how it looks and where it goes.
    pub struct LogConfig in "DEFAULT" {
        /// Whether debugging messages are logged, too.
        debug: bool = "false", live;
        /// Whether informational messages are logged; without it, warnings and errors only.
        verbose: bool = "true", live;
        /// A Python logging configuration file. Of it, the root logger's level, the loggers'
        /// levels, the formatter's format and datefmt and a file handler's path are honoured, and
        /// they win over the options of this file.
        log_config_append: Option<PathBuf> = unset, live, was ["DEFAULT/log_config"];
        /// The form of a line, as Python's logging writes it. Known fields: asctime, msecs,
        /// levelname, levelno, name, message, process, processName, thread, threadName, pathname,
        /// filename, module, lineno, created, funcName and oslo's, of which request_id and the
        /// user's are "-" and the others empty.
        log_format: LogFormat = "%(asctime)s %(levelname)8s [%(name)s] %(message)s", live;
        /// The form of asctime, as strftime has it, in local time.
        log_date_format: DateFormat = "%Y-%m-%d %H:%M:%S", live;
        /// The file to log to, in log_dir if that is set. Unset, and no log_dir: standard error.
        /// After rotation, send SIGHUP.
        log_file: Option<PathBuf> = unset, live, was ["DEFAULT/logfile"];
        /// The directory for log_file; without a log_file, the file is named after the program.
        log_dir: Option<PathBuf> = unset, live, was ["DEFAULT/logdir"];
        /// Whether to log to standard error besides the log file.
        use_stderr: bool = "false", live;
        /// The least level for parts of the program: module=LEVEL, separated by commas.
        default_log_levels: ModuleLevels = "actix_http=WARN,actix_server=WARN,actix_web=WARN,diesel=WARN,h2=WARN,hyper=WARN,hyper_util=WARN,mio=WARN,r2d2=WARN,rustls=WARN,tokio=WARN", live;
    }
}

impl LogConfig {
    /// The file to log to, if any.
    pub fn file_path(&self) -> Option<PathBuf> {
        let file = self.log_file.as_ref()?;
        Some(
            self.log_dir
                .as_ref()
                .map_or_else(|| file.clone(), |dir| dir.join(file)),
        )
    }

    /// The least level that is logged where `default_log_levels` does not say.
    pub fn level(&self) -> log::LevelFilter {
        match (self.debug, self.verbose) {
            (true, _) => log::LevelFilter::Debug,
            (false, true) => log::LevelFilter::Info,
            (false, false) => log::LevelFilter::Warn,
        }
    }
}
