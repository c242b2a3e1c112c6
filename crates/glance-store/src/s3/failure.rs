//! What a server's refusals mean.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use crate::error::StoreError;

/// Why a request did not succeed. No text has a name, a key or anything else that the server sent,
/// but for its error code.
#[derive(Debug, Error)]
pub(super) enum S3Error {
    /// The server said no.
    #[error("the server answers {request} with status {status} {code}")]
    Refused {
        request: &'static str,
        status: u16,
        code: String,
    },
    /// The server did not answer, or not in a way that can be understood.
    #[error("the server gives no good answer to {request}")]
    Unanswered {
        request: &'static str,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// An answer that contradicts itself or what was asked.
    #[error("the server's answer cannot be right: {0}")]
    Wrong(&'static str),
}

impl S3Error {
    /// What went wrong with `request`.
    pub(super) fn new<E>(request: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(refusal) = &error {
            let code = refusal.err().code().unwrap_or_default();
            let code = code.chars().filter(char::is_ascii_alphanumeric).take(64);
            return Self::Refused {
                request,
                status: refusal.raw().status().as_u16(),
                code: code.collect(),
            };
        }
        let cause = match error.into_source() {
            Ok(cause) => cause,
            Err(_) => "the request cannot be made".into(),
        };
        Self::Unanswered { request, cause }
    }

    fn is(&self, statuses: &[u16], codes: &[&str]) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                statuses.contains(status) || codes.contains(&code.as_str())
            }
            _ => false,
        }
    }

    /// There is no such thing.
    pub(super) fn is_missing(&self) -> bool {
        self.is(&[404], &["NoSuchKey", "NoSuchUpload", "NotFound"])
    }

    /// There is no such bucket.
    pub(super) fn is_missing_bucket(&self) -> bool {
        self.is(&[], &["NoSuchBucket"])
    }

    /// There is something already.
    pub(super) fn is_conflict(&self) -> bool {
        self.is(
            &[412],
            &["PreconditionFailed", "ConditionalRequestConflict"],
        )
    }

    /// The server does not have this request.
    pub(super) fn is_unknown(&self) -> bool {
        self.is(&[405, 501], &["NotImplemented", "MethodNotAllowed"])
    }

    /// There is nothing at that place of an object.
    pub(super) fn is_beyond(&self) -> bool {
        self.is(&[416], &["InvalidRange"])
    }

    /// It was damaged on its way.
    pub(super) fn is_damage(&self) -> bool {
        self.is(
            &[],
            &["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"],
        )
    }

    /// Another attempt may succeed, and this one may have had an effect.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unanswered { .. } => true,
            Self::Refused { status, .. } if *status >= 500 && *status != 501 && *status != 507 => {
                true
            }
            _ => self.is(&[429], &["InternalError", "SlowDown", "RequestTimeout"]),
        }
    }

    fn is_full(&self) -> bool {
        let codes = ["QuotaExceeded", "EntityTooLarge", "InsufficientCapacity"];
        self.is(&[413, 507], &codes)
    }

    fn is_denied(&self) -> bool {
        self.is(&[401, 403], &[])
    }

    /// For a request that only reads.
    pub(super) fn reading(self) -> StoreError {
        if self.is_missing() {
            return StoreError::NotFound;
        }
        if self.is_denied() {
            log::error!("store s3: {self}; are its keys and its bucket's rules right?");
        }
        StoreError::Unavailable(io::Error::other(self))
    }

    /// For a request that changes something.
    pub(super) fn writing(self) -> StoreError {
        // Before the other, because some servers refuse what is over a quota with 403.
        if self.is_full() {
            log::error!("store s3: {self}");
            return StoreError::Full;
        }
        if self.is_denied() {
            log::error!("store s3: {self}; are its keys and its bucket's rules right?");
            return StoreError::Forbidden;
        }
        if self.is_missing_bucket() {
            log::error!("store s3: the bucket does not exist; see s3_store_create_bucket_on_put");
        }
        StoreError::Unavailable(io::Error::other(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> S3Error {
        S3Error::Refused {
            request: "PutObject",
            status,
            code: code.to_owned(),
        }
    }

    #[test]
    fn says_what_a_refusal_means() {
        use StoreError::{Forbidden, Full, NotFound, Unavailable};
        assert!(matches!(refused(404, "NoSuchKey").reading(), NotFound));
        assert!(matches!(refused(404, "NoSuchBucket").reading(), NotFound));
        assert!(matches!(
            refused(403, "AccessDenied").reading(),
            Unavailable(_)
        ));
        assert!(matches!(refused(503, "SlowDown").reading(), Unavailable(_)));
        assert!(matches!(
            refused(403, "SignatureDoesNotMatch").writing(),
            Forbidden
        ));
        assert!(matches!(refused(507, "").writing(), Full));
        assert!(matches!(refused(403, "QuotaExceeded").writing(), Full));
        assert!(matches!(refused(400, "EntityTooLarge").writing(), Full));
        assert!(matches!(
            refused(404, "NoSuchBucket").writing(),
            Unavailable(_)
        ));
        assert!(matches!(
            refused(500, "InternalError").writing(),
            Unavailable(_)
        ));
    }

    #[test]
    fn knows_what_may_have_had_an_effect() {
        assert!(refused(500, "").is_transient());
        assert!(refused(200, "InternalError").is_transient());
        assert!(!refused(507, "").is_transient());
        assert!(!refused(412, "PreconditionFailed").is_transient());
        assert!(
            refused(412, "").is_conflict()
                && refused(409, "ConditionalRequestConflict").is_conflict()
        );
    }
}
