//! What the log is to be, from the options and a Python logging file together.

use std::path::PathBuf;

use log::LevelFilter;

use super::date_format::DateFormat;
use super::format::LogFormat;
use super::options::LogConfig;
use super::python_file::{self, PythonFile};
use super::sink::Sink;
use super::{LogError, ModuleLevels};

/// What the log is to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) level: LevelFilter,
    pub(super) modules: ModuleLevels,
    pub(super) format: LogFormat,
    pub(super) dates: DateFormat,
    pub(super) files: Vec<PathBuf>,
    pub(super) standard_error: bool,
}

impl Plan {
    /// What `config` asks for, and what of it cannot be done.
    pub(super) fn new(config: &LogConfig) -> Result<(Self, Vec<String>), LogError> {
        let files: Vec<PathBuf> = config.file_path().into_iter().collect();
        let mut plan = Self {
            level: config.level(),
            modules: config.default_log_levels.clone(),
            format: config.log_format.clone(),
            dates: config.log_date_format.clone(),
            standard_error: config.use_stderr || files.is_empty(),
            files,
        };
        let Some(path) = &config.log_config_append else {
            return Ok((plan, Vec::new()));
        };
        let (file, remarks) = python_file::read(path)?;
        plan.overlay(file);
        Ok((plan, remarks))
    }

    /// What a Python file says wins.
    fn overlay(&mut self, file: PythonFile) {
        self.level = file.level.unwrap_or(self.level);
        self.modules.0.extend(file.modules);
        if let Some(format) = file.format {
            self.format = format;
        }
        if let Some(dates) = file.dates {
            self.dates = dates;
        }
        if !file.files.is_empty() || file.standard_error {
            self.files = file.files;
            self.standard_error = file.standard_error;
        }
    }

    /// Opens all places, or none.
    pub(super) fn sinks(&self) -> Result<Vec<Sink>, LogError> {
        let mut sinks = self
            .files
            .iter()
            .map(|path| Sink::file(path))
            .collect::<Result<Vec<_>, _>>()?;
        if self.standard_error {
            sinks.push(Sink::standard_error());
        }
        Ok(sinks)
    }
}
