//! What can go wrong, in the words and with the statuses of Glance.

use std::error::Error;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use glance_core::fault::Fault;
use glance_store::error::{DataError, StoreError};

use crate::service::ServiceError;

/// To texts that are no UTF-8.
pub(crate) const UNDECODABLE: &str = "Error decoding your request. Either the URL or the request \
     body contained characters that could not be decoded by Glance";

/// Seconds after which a peer that did not answer may be tried again.
const RETRY_SECONDS: u16 = 5;

/// Why a request is not answered as its sender hoped.
#[derive(Debug)]
pub(crate) struct Failure {
    fault: Fault,
    allow: Option<&'static str>,
    /// The content type that a HEAD is answered with, where Glance says it.
    plain_head: bool,
    /// Kept for the log.
    cause: Option<Box<ServiceError>>,
}

/// What was being done, which decides about the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum During {
    List,
    Find,
    Create,
    Update,
    Delete,
    Members,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            allow: None,
            plain_head: false,
            cause: None,
        }
    }
}

impl Failure {
    /// 405, with the methods that there are, if any are named.
    pub(crate) fn not_allowed(allow: Option<&'static str>) -> Self {
        Self {
            allow,
            ..Self::from(Fault::bare(405))
        }
    }

    /// 404 for an image.
    pub(super) fn no_image(id: &str) -> Self {
        Self::about_image(404, format!("Image with identifier {id} not found"))
    }

    /// A detail about an image, for which Glance sets the content type itself.
    pub(super) fn about_image(status: u16, detail: String) -> Self {
        Self {
            plain_head: true,
            ..Self::from(Fault::detailed(status, detail))
        }
    }

    /// What an outcome of the service is to the client.
    pub(super) fn of(error: ServiceError, during: During) -> Self {
        let failure: Self = match &error {
            ServiceError::NotFound { id } if during != During::List => Self::no_image(id),
            ServiceError::NotActive { id } => {
                Self::about_image(404, format!("Image {id} is not active"))
            }
            ServiceError::Deactivated { id } => {
                Self::about_image(403, format!("Image {id} is deactivated"))
            }
            ServiceError::NotQueued => {
                Fault::detailed(409, "Cannot upload to an unqueued image").into()
            }
            other => explained(other, during).into(),
        };
        Self {
            cause: Some(Box::new(error)),
            ..failure
        }
    }

    /// Whether it is about an image that is not there or has no data yet.
    pub(super) fn is_not_found(&self) -> bool {
        self.fault.status == 404
    }

    /// Writes what an operator should know of.
    pub(crate) fn log(&self, request_id: &str) {
        let Some(cause) = &self.cause else { return };
        let level = match (self.fault.status, cause.as_ref()) {
            (500.., _) => log::Level::Error,
            (_, ServiceError::DataGone { .. } | ServiceError::StoreFull) => log::Level::Error,
            (_, ServiceError::Data(_) | ServiceError::DeletedDuringUpload { .. }) => {
                log::Level::Warn
            }
            _ => log::Level::Debug,
        };
        if !log::log_enabled!(level) {
            return;
        }
        let mut chain = cause.to_string();
        let mut source = cause.source();
        while let Some(error) = source {
            chain.push_str(": ");
            chain.push_str(&error.to_string());
            source = error.source();
        }
        log::log!(
            level,
            "{request_id}: answered {}: {chain}",
            self.fault.status
        );
    }

    /// The answer to `request`.
    pub(crate) fn response(&self, request: &HttpRequest) -> HttpResponse {
        let status =
            StatusCode::from_u16(self.fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response;
        if request.method() == Method::HEAD {
            let kind = if self.plain_head {
                "text/plain"
            } else {
                "text/html"
            };
            response = HttpResponse::build(status).body("");
            if let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=UTF-8")) {
                response.headers_mut().insert(CONTENT_TYPE, kind);
            }
        } else {
            let accept = request
                .headers()
                .get(ACCEPT)
                .and_then(|value| value.to_str().ok());
            let rendered = self.fault.render(accept, request.method().as_str());
            response = HttpResponse::build(status).body(rendered.body);
            let kind = HeaderValue::from_static(rendered.content_type);
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        if let Some(allow) = self.allow {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allow));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }
}

/// The outcomes that Glance explains in place of the status' usual sentence.
fn explained(error: &ServiceError, during: During) -> Fault {
    let (status, text) = match error {
        ServiceError::DataGone { id } => (404, format!("Image {id} not found")),
        ServiceError::Duplicate { id } => {
            (409, format!("An image with identifier {id} already exists"))
        }
        ServiceError::Protected { .. } => (403, "Image is protected".to_owned()),
        ServiceError::PendingDelete { .. } => (
            403,
            "Forbidden to delete a pending_delete image.".to_owned(),
        ),
        ServiceError::Conflict => (409, "Image operation conflicts".to_owned()),
        ServiceError::DeletedDuringUpload { id } => (412, deleted_during_upload(id)),
        ServiceError::MultipleSources => (
            400,
            "It's invalid to provide multiple image sources.".to_owned(),
        ),
        ServiceError::ExternalSource(url) => {
            (400, format!("External sources are not supported: '{url}'"))
        }
        ServiceError::EmptySource => (400, "External source should not be empty".to_owned()),
        ServiceError::LocationOfUnqueued => {
            let text = "Attempted to update Location field for an image not in queued status.";
            (400, text.to_owned())
        }
        ServiceError::UnknownStore(name) if name.is_empty() => {
            (400, "Store for scheme  not found".to_owned())
        }
        ServiceError::UnknownStore(name) => (400, format!("Required store {name} is invalid")),
        ServiceError::StoreCannotAdd => {
            let text = "Error in store configuration. Adding images to store is disabled.";
            (410, text.to_owned())
        }
        ServiceError::NoDiskFormat => (400, "Disk format is not specified.".to_owned()),
        ServiceError::NoContainerFormat => (400, "Container format is not specified.".to_owned()),
        ServiceError::SizeMismatch { supplied, found } => (400, mismatch("size", supplied, found)),
        ServiceError::ChecksumMismatch { supplied, found } => {
            (400, mismatch("checksum", supplied, found))
        }
        ServiceError::Data(error) => data(*error),
        ServiceError::OverStorageQuota => {
            let text = "Denying attempt to upload image because it exceeds the quota: the storage \
                        quota of its owner is used up.";
            (413, text.to_owned())
        }
        ServiceError::OverQuota(text) => (413, explanation(text).to_owned()),
        ServiceError::StoreFull => {
            let text = "Image storage media is full: There is not enough disk space on the image \
                        storage media.";
            (413, text.to_owned())
        }
        ServiceError::StoreForbidden => {
            let text = "Insufficient permissions on image storage media: Permission to write image \
                        storage media denied.";
            (503, text.to_owned())
        }
        ServiceError::Store(StoreError::Duplicate) => (
            409,
            "Attempt to upload duplicate image: the image has data already".to_owned(),
        ),
        ServiceError::Forbidden(text) => forbidden(text, during),
        ServiceError::Rejected(text) => rejected(text, during),
        ServiceError::Unauthorized(text) => (401, text.clone()),
        ServiceError::Store(_) => (
            503,
            "The image store is unavailable. Please try again later.".to_owned(),
        ),
        // A list cannot be missing: the registry does not speak version 1, or is none.
        ServiceError::Registry(_) | ServiceError::NotFound { .. } => (
            503,
            "The image registry is unavailable. Please try again later.".to_owned(),
        ),
        ServiceError::NotActive { .. }
        | ServiceError::Deactivated { .. }
        | ServiceError::NotQueued => (409, error.to_string()),
    };
    Fault::explained(status, text)
}

fn deleted_during_upload(id: &str) -> String {
    format!(
        "Image {id} could not be found after upload. The image may have been deleted during the \
         upload."
    )
}

fn mismatch(what: &str, supplied: &dyn std::fmt::Display, found: &dyn std::fmt::Display) -> String {
    format!(
        "Supplied {what} ({supplied}) and {what} generated from uploaded image ({found}) did not \
         match. Setting image status to 'killed'."
    )
}

fn data(error: DataError) -> (u16, String) {
    match error {
        DataError::TimedOut => (
            408,
            "The client sent no image data for too long.".to_owned(),
        ),
        DataError::TooLarge(cap) => (413, too_large(cap)),
        DataError::OverQuota => (413, error.to_string()),
        DataError::Cancelled => (412, error.to_string()),
        _ => (
            400,
            "Client disconnected before sending all data to backend".to_owned(),
        ),
    }
}

/// More than `image_size_cap`.
pub(super) fn too_large(cap: u64) -> String {
    format!("Denying attempt to upload image larger than {cap} bytes.")
}

fn forbidden(text: &str, during: During) -> (u16, String) {
    match during {
        During::List => (403, text.to_owned()),
        During::Find => (403, "Forbidden image access".to_owned()),
        During::Create => (403, "Forbidden to reserve image.".to_owned()),
        During::Update => (403, format!("Forbidden to update image: {text}")),
        During::Delete => (403, format!("Forbidden to delete image: {text}")),
        // Glance wraps the registry's 403 in a 404 here.
        During::Members => (404, text.to_owned()),
    }
}

fn rejected(text: &str, during: During) -> (u16, String) {
    match during {
        During::Create => (400, format!("Failed to reserve image. Got error: {text}")),
        During::Update | During::Delete => (
            400,
            format!("Failed to update image metadata. Got error: {text}"),
        ),
        During::List | During::Find | During::Members => (400, text.to_owned()),
    }
}

/// What the registry explains within the frame that all its plain texts have.
fn explanation(text: &str) -> &str {
    text.split_once("\n\n")
        .map_or(text, |(_, rest)| rest)
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_the_registry_as_glance_does() {
        let inner = Fault::explained(400, "Unsupported sort_dir. Acceptable values: asc, desc");
        let failure = Failure::of(ServiceError::Rejected(inner.plain("GET")), During::List);
        assert_eq!(
            failure.fault.plain("GET"),
            "400 Bad Request\n\n400 Bad Request  Unsupported sort_dir. Acceptable values: asc, desc\
             \u{20}    \n\n   "
        );
    }

    #[test]
    fn unwraps_the_texts_of_quotas() {
        let inner = Fault::explained(413, "The limit … Maximum: 128").plain("PUT");
        let failure = Failure::of(ServiceError::OverQuota(inner), During::Members);
        assert_eq!(
            failure.fault,
            Fault::explained(413, "The limit … Maximum: 128")
        );
    }

    #[test]
    fn a_registry_that_is_away_is_503() {
        let error = ServiceError::NotFound { id: String::new() };
        assert_eq!(Failure::of(error, During::List).fault.status, 503);
    }
}
