//! Refusals: what the database's outcomes and bad requests become on the wire.

use glance_core::fault::Fault;

use crate::db::DbError;

/// Why a request is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// In Glance's usual form.
    Fault(Fault),
    /// A bare text, whatever `Accept` says: Glance sets these bodies by hand.
    Plain(u16, &'static str),
    /// 405 with the methods that are.
    NotAllowed(&'static str),
    /// 401 in keystonemiddleware's words.
    Rejected,
    /// 503: it cannot be found out now who calls.
    Unidentifiable,
    /// 503: the database cannot do it now. The text is for the log only.
    Unavailable(String),
    /// 500: a defect of ours. The text is for the log only.
    Broken(String),
}

impl Refusal {
    /// 400 with a text of its own.
    pub(crate) fn bad_request(explanation: impl Into<String>) -> Self {
        Self::Fault(Fault::explained(400, explanation))
    }

    /// 400 with a text after the usual sentence.
    pub(crate) fn bad_detail(detail: impl Into<String>) -> Self {
        Self::Fault(Fault::detailed(400, detail))
    }

    /// The status alone.
    pub(crate) fn bare(status: u16) -> Self {
        Self::Fault(Fault::bare(status))
    }

    /// 409 as Glance's registry says it.
    pub(crate) fn conflict() -> Self {
        Self::Plain(409, "Image operation conflicts")
    }

    /// The form that is rendered by `Accept`.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Fault(fault) => fault.clone(),
            Self::Plain(status, text) => Fault::explained(*status, *text),
            Self::NotAllowed(_) => Fault::bare(405),
            Self::Rejected => Fault::bare(401),
            Self::Unavailable(_) | Self::Unidentifiable => Fault::bare(503),
            Self::Broken(_) => Fault::bare(500),
        }
    }

    /// Writes to the log what the caller is not told.
    pub(crate) fn log(&self, request_id: &str) {
        match self {
            Self::Unavailable(reason) => {
                log::error!("{request_id}: database unavailable: {reason}")
            }
            Self::Broken(reason) => log::error!("{request_id}: {reason}"),
            _ => {}
        }
    }
}

impl From<DbError> for Refusal {
    /// The outcomes that mean the same for every call; handlers look for the others first.
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound | DbError::Hidden | DbError::NotOwner => Self::bare(404),
            DbError::Forbidden => Self::bare(403),
            DbError::NotSharable => {
                Self::Fault(Fault::detailed(403, "No permission to share that image"))
            }
            DbError::NoMember => {
                Self::Fault(Fault::explained(404, "Membership could not be found."))
            }
            DbError::Conflict => Self::conflict(),
            DbError::Duplicate => Self::bare(409),
            DbError::TooMany {
                what,
                attempted,
                maximum,
            } => Self::Fault(Fault::explained(
                413,
                format!(
                    "The limit has been exceeded on the number of allowed {what}. \
                     Attempted: {attempted}, Maximum: {maximum}"
                ),
            )),
            DbError::StorageFull { bytes, remaining } => Self::Fault(Fault::explained(
                413,
                format!(
                    "The size of the data {bytes} will exceed the limit. {remaining} bytes remaining."
                ),
            )),
            DbError::Invalid(reason) => Self::bad_detail(reason),
            DbError::Unavailable(reason) | DbError::Interrupted(reason) => {
                Self::Unavailable(reason)
            }
            DbError::Failed(source) => Self::Broken(format!("the database failed: {source}")),
        }
    }
}
