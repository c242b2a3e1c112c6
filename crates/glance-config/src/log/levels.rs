//! Python's names of levels, and levels for parts of the program.

use log::{Level, LevelFilter};

use crate::value::OptionValue;

/// The level that Python calls `name`, in any case.
pub(super) fn from_python(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_uppercase().as_str() {
        "TRACE" => Some(LevelFilter::Trace),
        "NOTSET" | "DEBUG" => Some(LevelFilter::Debug),
        "INFO" | "AUDIT" => Some(LevelFilter::Info),
        "WARN" | "WARNING" => Some(LevelFilter::Warn),
        "ERROR" | "CRITICAL" | "FATAL" => Some(LevelFilter::Error),
        _ => None,
    }
}

/// What Python calls `level`.
pub(super) fn python_name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

/// Python's number of `level`; TRACE is oslo's 5.
pub(super) fn python_number(level: Level) -> u32 {
    match level {
        Level::Error => 40,
        Level::Warn => 30,
        Level::Info => 20,
        Level::Debug => 10,
        Level::Trace => 5,
    }
}

/// Least levels for parts of the program, each a module's path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleLevels(pub Vec<(String, LevelFilter)>);

impl OptionValue for ModuleLevels {
    const ACCEPTS: &'static str =
        "module=LEVEL, separated by commas; LEVEL is DEBUG, INFO, WARNING, ERROR or CRITICAL";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let item = |item: String| {
            let (module, level) = item.split_once('=').ok_or(None)?;
            let level = from_python(level.trim())
                .ok_or_else(|| Some(format!("there is no level {:?}", level.trim())))?;
            // Python separates the parts of a logger's name by dots.
            Ok((module.trim().replace('.', "::"), level))
        };
        Vec::<String>::parse(text)?
            .into_iter()
            .map(item)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn shown(&self) -> Vec<String> {
        let item = |(module, level): &(String, LevelFilter)| {
            let level = level.to_level().map_or("NOTSET", |level| match level {
                Level::Warn => "WARN",
                other => python_name(other),
            });
            format!("{}={level}", module.replace("::", "."))
        };
        vec![self.0.iter().map(item).collect::<Vec<_>>().join(",")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_pythons_names() {
        let levels = ModuleLevels::parse("glance.api=DEBUG, hyper = warning,").unwrap();
        assert_eq!(
            levels.0,
            [
                ("glance::api".to_owned(), LevelFilter::Debug),
                ("hyper".to_owned(), LevelFilter::Warn)
            ]
        );
        assert_eq!(levels.shown(), ["glance.api=DEBUG,hyper=WARN"]);
        assert!(ModuleLevels::parse("hyper=LOUD").is_err());
        assert!(ModuleLevels::parse("hyper").is_err());
    }
}
