//! What can come of a call to the registry.

use std::error::Error as StdError;

use thiserror::Error;

/// Why a call to the registry gave no result.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The registry answered that it will not do this. Nothing was changed.
    #[error("the registry answered {status}")]
    Refused {
        /// The HTTP status, 400 to 499.
        status: u16,
        /// The body, which Glance quotes in its own answers.
        text: String,
    },
    /// No answer, or one of the 500s. Whether the call took effect is unknown.
    #[error("the registry is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer is not what the protocol says.
    #[error("the registry's answer cannot be understood")]
    Malformed(#[source] Box<dyn StdError + Send + Sync>),
}

/// What the registry said instead of an answer, for the log.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// One of the 500s.
    #[error("status {0}")]
    Status(u16),
    /// Nothing came in time.
    #[error("no answer within {0} seconds")]
    Timeout(u64),
    /// It knows another secret, or we know none.
    #[error("it does not accept [service] registry_secret, which must be the same in both files")]
    Secret,
    /// There is none.
    #[error("no registry is named")]
    Nobody,
    /// Its health check says so.
    #[error("its health check says that it is out of service")]
    OutOfService,
    /// More than anybody can want to read.
    #[error("an answer over {0} bytes")]
    TooLarge(usize),
}

impl RegistryError {
    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Unavailable(_) | Self::Malformed(_) => None,
        }
    }

    /// Whether a registry knows another secret than we do.
    pub(crate) fn is_refused_secret(&self) -> bool {
        let Self::Unavailable(source) = self else {
            return false;
        };
        matches!(source.downcast_ref(), Some(Failure::Secret))
    }

    /// The innermost of what is wrong, for the log.
    pub(crate) fn reason(&self) -> String {
        let mut reason: &dyn StdError = self;
        while let Some(source) = reason.source() {
            reason = source;
        }
        reason.to_string()
    }

    pub(crate) fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    pub(crate) fn malformed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Malformed(source.into())
    }
}
