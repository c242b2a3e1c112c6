//! What can be wrong with a configuration.

use std::error::Error;
use std::path::PathBuf;

/// Why a configuration cannot be used. Its text is for the person who wrote it, and has no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file was named, and none found. The words are those of Glance's manual.
    #[error("Unable to locate any configuration file. Cannot load application {program}")]
    NoFile {
        /// The program that wanted one.
        program: String,
    },
    /// A file cannot be read.
    #[error("Unable to read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is neither a section, an option, a comment nor a continuation.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An option has a value that it cannot have.
    #[error("{origin}: [{section}] {option}: {reason}")]
    Value {
        /// Where the value was written: file and line, environment variable, or command line.
        origin: String,
        /// The option's section.
        section: String,
        /// The option's name.
        option: String,
        /// What is wrong, and which values are accepted.
        reason: String,
    },
    /// Options that exclude each other.
    #[error("{0}")]
    Conflict(String),
    /// The layers of the configuration could not be merged.
    #[error("Unable to merge the configuration")]
    Merge(#[from] config::ConfigError),
}

/// An error with its causes, on one line, as the programs print it: `a: because of b`. Errors of some
/// libraries' say what their causes say; that is not said again.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
