//! Where a request says that the data of an image is, and what it needs to be accepted.

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use glance_core::fault::Fault;

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::image_meta::ImageMeta;
use super::super::outcome::too_large;
use crate::body;
use crate::connection::BodyLength;
use crate::service::{ServiceError, Source};

/// The source that a request names, before its body is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Nothing,
    /// It comes as the body.
    Data,
    Location,
    CopyFrom,
}

impl Named {
    /// What `call` names. A chunked body always counts as data, an empty one never (Glance's view).
    pub(super) fn of(call: &Call, meta: &ImageMeta) -> Result<Self, ServiceError> {
        let data = body::length(&call.request) != BodyLength::Empty;
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let sources = [data, filled(&meta.location), filled(&meta.copy_from)];
        if sources.into_iter().filter(|named| *named).count() > 1 {
            return Err(ServiceError::MultipleSources);
        }
        // An empty location is one too: it is refused as such.
        Ok(match (&meta.location, &meta.copy_from) {
            (Some(_), _) if !data => Self::Location,
            (None, Some(_)) if !data => Self::CopyFrom,
            _ if data => Self::Data,
            _ => Self::Nothing,
        })
    }

    /// Refuses callers who may not give an image this source.
    pub(super) fn enforce(self, call: &Call) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Data => call.enforce("upload_image"),
            Self::Location => call.enforce("set_image_location"),
            Self::CopyFrom => {
                call.enforce("copy_from")?;
                call.enforce("upload_image")
            }
        }
    }

    /// Refuses data of the wrong type.
    pub(super) fn expect_image_type(self, call: &Call) -> Result<(), Failure> {
        if self != Self::Data {
            return Ok(());
        }
        let given = call.header(CONTENT_TYPE).unwrap_or("");
        // Glance ignores parameters but not case.
        let kind = given.split(';').next().unwrap_or("").trim();
        if kind == "application/octet-stream" {
            return Ok(());
        }
        Err(Fault::explained(400, "Content-Type must be application/octet-stream").into())
    }

    /// The source itself. `payload` is not read before the data is.
    pub(super) fn open(self, call: &Call, meta: &mut ImageMeta, payload: Payload) -> Source {
        match self {
            Self::Nothing => Source::Nothing,
            Self::Data => Source::Data(body::image_data(&call.request, payload)),
            Self::Location => Source::Location(meta.location.take().unwrap_or_default()),
            Self::CopyFrom => Source::CopyFrom(meta.copy_from.take().unwrap_or_default()),
        }
    }
}

/// Refuses what declares itself larger than `image_size_cap`, before any of it is read.
pub(super) fn refuse_too_large(call: &Call, meta: &ImageMeta) -> Result<(), Fault> {
    let coming = match body::length(&call.request) {
        BodyLength::Known(length) => Some(length),
        BodyLength::Empty | BodyLength::Chunked => None,
    };
    let cap = call.config().limits.image_size_cap.get();
    match meta.declared_size(coming) {
        Some(size) if size > cap => Err(Fault::explained(400, too_large(cap))),
        _ => Ok(()),
    }
}

/// Refuses more properties than an image may have, in all. The registry checks it again, in the
/// transaction that adds them.
pub(super) fn refuse_over_quota(call: &Call, count: usize) -> Result<(), Fault> {
    match call.config().limits.image_property_quota.limit() {
        Some(quota) if count as u64 > quota => Err(Fault::explained(
            413,
            format!(
                "The limit has been exceeded on the number of allowed image properties. \
                 Attempted: {count}, Maximum: {quota}"
            ),
        )),
        _ => Ok(()),
    }
}
