//! What a configuration says that is not wrong, but will not happen either.

use std::fmt;

/// Something to tell the administrator once, after the log is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Nobody knows this option.
    Unknown {
        /// Where it was written.
        origin: String,
        /// The option, as `[section] name`.
        option: String,
        /// A known name that looks like it.
        nearest: Option<String>,
    },
    /// Glance knows this option, and it has no effect here.
    Unsupported {
        /// Where it was written.
        origin: String,
        /// The option, as `[section] name`.
        option: String,
    },
    /// The value was accepted, but only a part of it is honoured.
    Remark(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                origin,
                option,
                nearest: Some(nearest),
            } => {
                write!(
                    formatter,
                    "{origin}: unknown option {option}, ignored; is it {nearest}?"
                )
            }
            Self::Unknown {
                origin,
                option,
                nearest: None,
            } => {
                write!(formatter, "{origin}: unknown option {option}, ignored")
            }
            Self::Unsupported { origin, option } => {
                write!(formatter, "{origin}: {option} is not supported, ignored")
            }
            Self::Remark(remark) => formatter.write_str(remark),
        }
    }
}
