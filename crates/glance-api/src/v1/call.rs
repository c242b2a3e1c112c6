//! One call of the API: who asks, under which rules, and what every action needs of both.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use glance_config::ApiConfig;
use glance_config::rules::RuleBook;
use glance_core::fault::Fault;
use glance_core::identity::Identity;

use super::fault::Failure;
use super::headers::MetaHeaders;
use crate::app::{AppState, Edge, with_listener};
use crate::body;
use crate::connection::{self, BodyLength};
use crate::service::{ImageService, Requester};

/// One authenticated call.
pub(crate) struct Call {
    pub(crate) request: HttpRequest,
    pub(crate) state: Data<AppState>,
    pub(crate) edge: Rc<Edge>,
    pub(crate) rules: Arc<RuleBook>,
    pub(crate) requester: Arc<Requester>,
}

impl Call {
    pub(super) fn identity(&self) -> &Identity {
        &self.requester.identity
    }

    pub(super) fn service(&self) -> &ImageService {
        &self.state.service
    }

    pub(super) fn config(&self) -> &ApiConfig {
        &self.edge.config
    }

    /// The text of a header, if it has one.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// What the headers say about an image, in the order of their arrival.
    pub(super) fn meta_headers(&self) -> Result<MetaHeaders, Fault> {
        if let Some(head) = connection::head(&self.request) {
            return MetaHeaders::gather(head.headers());
        }
        let headers = self.request.headers().iter();
        MetaHeaders::gather(headers.map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    /// `scheme://host` as the client sees it.
    pub(super) fn base_url(&self) -> String {
        let headers = self.request.headers();
        with_listener(&self.request, |listener| {
            self.edge.base_urls.location(listener, headers)
        })
    }

    /// Refuses callers that may only read.
    pub(super) fn mutating(&self) -> Result<(), Failure> {
        if self.identity().read_only {
            return Err(Fault::detailed(403, "Read-only access").into());
        }
        Ok(())
    }

    /// Refuses a body where none belongs. Glance parses it before it looks for a use of it.
    pub(super) async fn expect_no_body(&self, mut payload: Payload) -> Result<(), Failure> {
        if body::length(&self.request) == BodyLength::Empty {
            return Ok(());
        }
        match body::json(&self.request, &mut payload).await? {
            // Glance answers 500 here.
            Some(_) => Err(Fault::explained(400, "This request takes no body.").into()),
            None => Ok(()),
        }
    }
}
