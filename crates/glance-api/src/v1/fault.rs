//! What can go wrong, in the words and with the statuses of Glance.

use std::error::Error;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use glance_core::fault::Fault;

use super::outcome::{During, explained};
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
            ServiceError::NotFound { id } if during != During::List && !id.is_empty() => {
                Self::no_image(id)
            }
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
        let mut builder = HttpResponse::build(status);
        // Today's names of these two are not Glance's.
        match self.fault.status {
            413 => builder.reason("Request Entity Too Large"),
            416 => builder.reason("Requested Range Not Satisfiable"),
            _ => &mut builder,
        };
        let (kind, body) = if request.method() == Method::HEAD {
            let kind = match self.plain_head {
                true => "text/plain; charset=UTF-8",
                false => "text/html; charset=UTF-8",
            };
            (kind, Vec::new())
        } else {
            let accept = request
                .headers()
                .get(ACCEPT)
                .and_then(|value| value.to_str().ok());
            let rendered = self.fault.render(accept, request.method().as_str());
            (rendered.content_type, rendered.body)
        };
        let mut response = builder.body(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }
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
