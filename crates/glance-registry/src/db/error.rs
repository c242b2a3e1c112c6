//! What can come of a question to the database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

/// Why the database's work was not done. Nothing has changed when one of these comes back.
#[derive(Debug, Error)]
pub enum DbError {
    /// There is no such image, or it is deleted and the caller may not see deleted ones.
    #[error("no such image")]
    NotFound,
    /// There is one, which the caller may not see.
    #[error("the caller may not see the image")]
    Hidden,
    /// The caller sees the image, which is for everybody, and may not change it.
    #[error("the caller may not change the image")]
    Forbidden,
    /// The caller may neither change the image nor be told that it is there.
    #[error("the caller does not own the image")]
    NotOwner,
    /// The caller may not share the image.
    #[error("the caller may not share the image")]
    NotSharable,
    /// The tenant is not a member of the image.
    #[error("no such member")]
    NoMember,
    /// The image is in another state than the change needs, or another daemon works on it.
    #[error("the image is in another state")]
    Conflict,
    /// There is, or was, an image with this id.
    #[error("the id is taken")]
    Duplicate,
    /// A count would pass its limit.
    #[error(
        "the limit has been exceeded on the number of allowed {what}: {attempted} of {maximum}"
    )]
    TooMany {
        /// What is counted, in Glance's words.
        what: &'static str,
        /// How many there would be.
        attempted: u64,
        /// How many there may be.
        maximum: u64,
    },
    /// The owner's images would take more bytes than they may.
    #[error("{bytes} bytes are more than the {remaining} that remain of the owner's quota")]
    StorageFull {
        /// What was asked for.
        bytes: u64,
        /// What is left.
        remaining: u64,
    },
    /// The request makes no sense for this image; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// The database cannot do it now: locked, full, read-only, overloaded or closing.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// The database refused what should have worked.
    #[error("the database failed")]
    Failed(#[source] DieselError),
}

impl DbError {
    /// More members than an image may have.
    pub(crate) fn too_many_members(attempted: u64, maximum: u64) -> Self {
        Self::TooMany {
            what: "image members for this image",
            attempted,
            maximum,
        }
    }

    /// More properties than an image may have.
    pub(crate) fn too_many_properties(attempted: u64, maximum: u64) -> Self {
        Self::TooMany {
            what: "image properties",
            attempted,
            maximum,
        }
    }
}

/// What SQLite says when it is not the statement's fault.
const TROUBLES: [&str; 11] = [
    "locked",
    "busy",
    "full",
    "readonly",
    "disk I/O error",
    "unable to open",
    "out of memory",
    "malformed",
    "not a database",
    "authorization denied",
    "interrupted",
];

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::DatabaseError(_, info)
                if TROUBLES
                    .iter()
                    .any(|trouble| info.message().contains(trouble)) =>
            {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::RollbackErrorOnCommit { .. }
            | DieselError::BrokenTransactionManager
            | DieselError::RollbackTransaction => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}
