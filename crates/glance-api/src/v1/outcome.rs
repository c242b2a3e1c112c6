//! The outcomes of the service in Glance's words.

use std::fmt::Display;

use glance_core::fault::Fault;
use glance_store::error::{DataError, StoreError};

use crate::service::ServiceError;

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

/// The outcomes that Glance explains in place of the status' usual sentence.
pub(super) fn explained(error: &ServiceError, during: During) -> Fault {
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
        ServiceError::GivenUp { id } => (
            503,
            format!(
                "The upload of image {id} was interrupted. Please upload it again as a new image."
            ),
        ),
        ServiceError::MultipleSources => (
            400,
            "It's invalid to provide multiple image sources.".to_owned(),
        ),
        ServiceError::ExternalSource(url) => {
            (400, format!("External sources are not supported: '{url}'"))
        }
        ServiceError::InvalidLocation(url) => (400, format!("Invalid location {url}")),
        ServiceError::SourceNotFound => (
            404,
            "HTTP datastore could not find image at URI.".to_owned(),
        ),
        // Glance goes on with the source's own text, which is nothing for us to pass on.
        ServiceError::SourceAnswered { path, status } => (
            400,
            format!("HTTP URL {path} returned a {status} status code.  The response body: "),
        ),
        ServiceError::SourceUnreachable => (400, "The HTTP URL is invalid.".to_owned()),
        ServiceError::ProvidedSize { provided, stored } => (
            409,
            format!(
                "Provided image size must match the stored image size. (provided size: \
                 {provided}, stored size: {stored})"
            ),
        ),
        ServiceError::TooManyCopies => (
            503,
            "Too many images wait to be copied. Please try again later.".to_owned(),
        ),
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
        // Neither a list nor an image to be made can be missing: the registry does not speak
        // version 1, or is none.
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

fn mismatch(what: &str, supplied: &dyn Display, found: &dyn Display) -> String {
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
