//! What the clouds' errors mean here, without the names, URLs and answers in them.

use std::error::Error as StdError;
use std::io;

use thiserror::Error;

use crate::error::StoreError;
use crate::net::client::NetError;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Something that changes nothing.
    Read,
    /// Anything else.
    Write,
}

/// Why it failed, as far as it may be told.
#[derive(Debug, Error)]
enum Cause {
    #[error("the server answers with status {0}")]
    Status(u16),
    #[error("{0}")]
    Transport(String),
    #[error("{0}")]
    Other(&'static str),
}

/// What `error` means to the service. What an operator has to mend is told in the log.
pub(super) fn told(store: &'static str, act: Act, error: &object_store::Error) -> StoreError {
    use object_store::Error;
    let refused = |reason: &str| log::error!("store {store}: {reason}");
    match (error, act) {
        (Error::NotFound { .. }, Act::Read) => StoreError::NotFound,
        (Error::NotFound { .. }, Act::Write) => {
            refused("its bucket or container is not there");
            unavailable("the bucket or container is not there")
        }
        (Error::AlreadyExists { .. } | Error::Precondition { .. }, Act::Write) => {
            StoreError::Duplicate
        }
        (Error::AlreadyExists { .. } | Error::Precondition { .. }, Act::Read) => {
            unavailable("the data changed while it was read")
        }
        (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _) => {
            refused("the server refuses what its credentials may not do, or the credentials");
            match act {
                Act::Write => StoreError::Forbidden,
                Act::Read => unavailable("the server refuses our credentials"),
            }
        }
        _ => StoreError::Unavailable(io_error(error)),
    }
}

/// `error` as the end of a transfer.
pub(super) fn io_error(error: &object_store::Error) -> io::Error {
    io::Error::other(cause(error))
}

/// Whether the answer was lost, so that nobody knows what the server did.
pub(super) fn is_lost(error: &object_store::Error) -> bool {
    matches!(cause(error), Cause::Transport(_))
}

/// Whether a part was asked for that begins after the end.
pub(super) fn is_beyond(error: &object_store::Error) -> bool {
    matches!(cause(error), Cause::Status(416))
}

/// It did not do what it must.
pub(super) fn unavailable(what: &'static str) -> StoreError {
    StoreError::Unavailable(io::Error::other(Cause::Other(what)))
}

fn cause(error: &object_store::Error) -> Cause {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(net) = error.downcast_ref::<NetError>() {
            return Cause::Transport(glance_config::chain(net));
        }
        next = error.source();
    }
    match status(&error.to_string()) {
        Some(status) => Cause::Status(status),
        None => Cause::Other("the server's answer is not understood"),
    }
}

/// The library keeps the number only in its text.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &'static str) -> object_store::Error {
        object_store::Error::Generic {
            store: "GCS",
            source: text.into(),
        }
    }

    fn text(error: &StoreError) -> String {
        format!("{error:?} {} {:?}", glance_config::chain(error), error)
    }

    #[test]
    fn tells_the_status_and_nothing_else() {
        let error = generic(
            "Error performing PUT https://host/secret-bucket?sig=secret in 1s - Server returned \
             non-2xx status code: 503 Service Unavailable: <Key>secret</Key>",
        );
        let error = told("gs", Act::Write, &error);
        assert!(text(&error).contains("503"), "{error:?}");
        assert!(!text(&error).contains("secret"), "{error:?}");
        let error = told("gs", Act::Read, &generic("secret"));
        assert!(!text(&error).contains("secret"), "{error:?}");
    }

    #[test]
    fn refusals_are_the_operators_to_mend() {
        let refused = || object_store::Error::Unauthenticated {
            path: "secret".to_owned(),
            source: "secret".into(),
        };
        let write = told("azure", Act::Write, &refused());
        assert!(matches!(write, StoreError::Forbidden));
        let read = told("azure", Act::Read, &refused());
        assert!(matches!(read, StoreError::Unavailable(_)));
        assert!(!text(&read).contains("secret"));
    }
}
