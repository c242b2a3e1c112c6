//! What can go wrong with an outside source.

use std::error::Error;
use std::io;

use hyper_util::client::legacy;
use thiserror::Error;

use crate::error::StoreError;
use crate::guard::{ConnectError, Refusal};

/// Why a source did not give what was asked for. No text names the source.
#[derive(Debug, Error)]
pub(super) enum SourceError {
    /// The guard does not let us go there.
    #[error("the source is refused")]
    Refused(#[source] Refusal),
    /// One redirect after the other.
    #[error("the source redirects too often")]
    Redirects,
    /// No connection, or it ended before the answer.
    #[error("the source cannot be reached")]
    Unreachable(#[source] legacy::Error),
    /// Nothing came for too long.
    #[error("the source is silent for too long")]
    Silent,
    /// Less than the minimum rate.
    #[error("the source sends too slowly")]
    TooSlow,
    /// Neither the data nor a part of it.
    #[error("the source answers with status {0}")]
    Status(u16),
    /// An answer that cannot be taken as the data.
    #[error("the source's answer cannot be used: {0}")]
    Unusable(&'static str),
    /// It is not what it was before.
    #[error("the source's data changed")]
    Changed,
    /// The connection broke in the middle of the data.
    #[error("the connection to the source broke")]
    Broken(#[source] hyper::Error),
    /// The data ended early.
    #[error("the source sent less than it announced")]
    Short,
    /// It does not have all of the part that was asked for.
    #[error("the source is shorter than the part that was asked for")]
    OutOfRange,
}

impl SourceError {
    /// Another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Silent | Self::Broken(_) | Self::Short => true,
            Self::Status(status) => matches!(status, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

impl From<legacy::Error> for SourceError {
    fn from(error: legacy::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(inner) = cause {
            if let Some(ConnectError::Refused(refusal)) = inner.downcast_ref() {
                return Self::Refused(*refusal);
            }
            cause = inner.source();
        }
        Self::Unreachable(error)
    }
}

impl From<SourceError> for StoreError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Refused(refusal) => {
                log::info!("a source is not followed: {refusal}");
                Self::BadLocation
            }
            SourceError::OutOfRange => Self::OutOfRange,
            SourceError::Status(404 | 410) => Self::NotFound,
            SourceError::Status(status) => Self::Answered(status),
            other => Self::Unavailable(io::Error::other(other)),
        }
    }
}
