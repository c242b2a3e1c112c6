//! What can be honoured of a Python logging configuration file (`--log-config`).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::date_format::DateFormat;
use super::format::LogFormat;
use super::levels;
use crate::error::ConfigError;
use crate::ini;
use crate::value::OptionValue;

/// What a Python logging configuration file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PythonFile {
    pub(super) level: Option<LevelFilter>,
    pub(super) modules: Vec<(String, LevelFilter)>,
    pub(super) format: Option<LogFormat>,
    pub(super) dates: Option<DateFormat>,
    pub(super) files: Vec<PathBuf>,
    pub(super) standard_error: bool,
}

type Sections = HashMap<String, HashMap<String, String>>;

/// Reads the file at `path`, and says what of it is not honoured.
///
/// # Errors
///
/// It cannot be read, or is no INI file.
pub(super) fn read(path: &Path) -> Result<(PythonFile, Vec<String>), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let entries = ini::parse(&text).map_err(|(line, reason)| ConfigError::Syntax {
        path: path.to_owned(),
        line,
        reason: reason.to_owned(),
    })?;
    let mut sections = Sections::new();
    for entry in entries {
        sections
            .entry(entry.section)
            .or_default()
            .insert(entry.name, entry.value);
    }
    let mut remarks = Vec::new();
    let file = understand(&sections, &mut remarks);
    let remarks = remarks
        .into_iter()
        .map(|remark| format!("{}: {remark}", path.display()));
    Ok((file, remarks.collect()))
}

fn understand(sections: &Sections, remarks: &mut Vec<String>) -> PythonFile {
    let mut file = PythonFile::default();
    let get = |section: &str, name: &str| {
        sections
            .get(section)
            .and_then(|options| options.get(name))
            .map_or("", String::as_str)
    };
    for logger in list(get("loggers", "keys")) {
        let section = format!("logger_{logger}");
        let written = get(&section, "level");
        let level = levels::from_python(written);
        if level.is_none() && !written.is_empty() {
            remarks.push(format!(
                "[{section}] level: there is no level {written:?}, ignored"
            ));
        }
        if logger == "root" {
            file.level = level;
            continue;
        }
        if let Some(level) = level {
            let name = Some(get(&section, "qualname")).filter(|name| !name.is_empty());
            file.modules
                .push((name.unwrap_or(logger).replace('.', "::"), level));
        }
    }
    for handler in list(get("logger_root", "handlers")) {
        let section = format!("handler_{handler}");
        let class = get(&section, "class");
        let arguments = get(&section, "args");
        let class = class.rsplit('.').next().unwrap_or_default();
        match (class, first_string(arguments)) {
            ("StreamHandler" | "ColorHandler", _) => file.standard_error = true,
            (
                "FileHandler"
                | "WatchedFileHandler"
                | "RotatingFileHandler"
                | "TimedRotatingFileHandler",
                Some(path),
            ) => {
                file.files.push(PathBuf::from(path));
                if class.contains("Rotating") {
                    remarks.push(format!("[{section}] the file is not rotated here"));
                }
            }
            ("NullHandler", _) => continue,
            _ => {
                remarks.push(format!(
                    "[{section}] class {class} is not supported, ignored"
                ));
                continue;
            }
        }
        let formatter = format!("formatter_{}", get(&section, "formatter"));
        let format = get(&formatter, "format");
        if file.format.is_none() && !format.is_empty() {
            file.format = understood(format, &format!("[{formatter}] format"), remarks);
        }
        let dates = get(&formatter, "datefmt");
        if file.dates.is_none() && !dates.is_empty() {
            file.dates = understood(dates, &format!("[{formatter}] datefmt"), remarks);
        }
    }
    file
}

fn understood<T: OptionValue>(text: &str, option: &str, remarks: &mut Vec<String>) -> Option<T> {
    match T::parse(text) {
        Ok(value) => Some(value),
        Err(reason) => {
            let reason = reason.unwrap_or_else(|| T::ACCEPTS.to_owned());
            remarks.push(format!("{option}: {reason}, ignored"));
            None
        }
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// The first string in Python's `('/path', 'a')`.
fn first_string(arguments: &str) -> Option<&str> {
    let start = arguments.find(['\'', '"'])?;
    let quote = arguments[start..].chars().next()?;
    let rest = &arguments[start + 1..];
    rest.split_once(quote)
        .map(|(string, _)| string)
        .filter(|string| !string.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honours_level_format_and_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logging.conf");
        fs::write(
            &path,
            "[loggers]\nkeys=root,api\n[handlers]\nkeys=file,mail\n[formatters]\nkeys=normal\n\
             [logger_root]\nlevel=WARNING\nhandlers=file,mail\n\
             [logger_api]\nlevel=DEBUG\nhandlers=file\nqualname=glance.api\n\
             [handler_file]\nclass=FileHandler\nformatter=normal\nargs=('/var/log/g.log', 'w')\n\
             [handler_mail]\nclass=handlers.SMTPHandler\nargs=('a', 'b')\n\
             [formatter_normal]\nformat=%(levelname)s %(message)s\ndatefmt=%H:%M\n",
        )
        .unwrap();
        let (file, remarks) = read(&path).unwrap();
        assert_eq!(
            file,
            PythonFile {
                level: Some(LevelFilter::Warn),
                modules: vec![("glance::api".to_owned(), LevelFilter::Debug)],
                format: LogFormat::parse("%(levelname)s %(message)s").ok(),
                dates: DateFormat::parse("%H:%M").ok(),
                files: vec![PathBuf::from("/var/log/g.log")],
                standard_error: false,
            }
        );
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].ends_with("[handler_mail] class SMTPHandler is not supported, ignored"));
    }
}
