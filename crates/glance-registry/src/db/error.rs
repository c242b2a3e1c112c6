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
    /// A deadlock, another change at the same time, or a connection that was lost: trying again may
    /// well help. It never leaves this module's threads.
    #[error("the change was interrupted: {0}")]
    Interrupted(String),
    /// The database refused what should have worked.
    #[error("the database failed")]
    Failed(#[source] DieselError),
}

impl DbError {
    /// Whether the same change may be tried again.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Interrupted(_) => true,
            // Two made the same row at once; the second look finds it.
            Self::Failed(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => true,
            _ => false,
        }
    }

    /// What the caller is told after the last attempt.
    pub(super) fn at_last(self) -> Self {
        match self {
            Self::Interrupted(reason) => Self::Unavailable(reason),
            other => other,
        }
    }

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

/// What engines say when it is not the statement's fault.
const TROUBLES: [&str; 18] = [
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
    "statement timeout",
    "lock timeout",
    "Lock wait timeout",
    "max_statement_time",
    "maximum statement execution time",
    "read-only",
    "No space left",
];

/// What servers say of changes that got in each other's way.
const CLASHES: [&str; 4] = [
    "deadlock detected",
    "Deadlock found",
    "could not serialize",
    "Record has changed since last read",
];

/// What servers say of texts that a column cannot hold.
const UNFIT: [&str; 6] = [
    "value too long for type",
    "Data too long for column",
    "invalid byte sequence",
    "Incorrect string value",
    // Characters that a database of PostgreSQL's has not which is not UTF-8.
    "has no equivalent in encoding",
    // Characters that a column of MySQL's utf8 has not, where it is compared.
    "Illegal mix of collations",
];

/// What drivers say when the server has gone.
const LOSSES: [&str; 3] = ["Input/output error", "Driver error", "Other error"];

/// What servers say as they go, or when they are not quite there.
const FAREWELLS: [&str; 7] = [
    "terminating connection",
    "the database system is",
    "Server shutdown in progress",
    "Connection was killed",
    "has gone away",
    "Lost connection",
    "--read-only",
];

/// Whether the connection is of no use any more. A server that cannot be written to any more is
/// left, too: another one may have taken its place.
pub(super) fn is_lost(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, info) => {
            let text = info.message();
            LOSSES.iter().any(|loss| text.starts_with(loss))
                || FAREWELLS.iter().any(|farewell| text.contains(farewell))
        }
        DieselError::DatabaseError(kind, _) => matches!(
            kind,
            DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction
        ),
        _ => false,
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, info) => {
                Self::Interrupted(info.message().to_owned())
            }
            DieselError::DatabaseError(_, info)
                if is_lost(&error)
                    || CLASHES.iter().any(|clash| info.message().contains(clash)) =>
            {
                Self::Interrupted(info.message().to_owned())
            }
            DieselError::DatabaseError(_, info)
                if UNFIT.iter().any(|unfit| info.message().contains(unfit)) =>
            {
                Self::Invalid("a text is too long, or holds what no text may hold".to_owned())
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
