//! One call of the dialect: who asks, and what every action needs of it.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use glance_config::rules::RuleBook;
use glance_core::json;
use serde::Serialize;

use super::answer::{Form, complete};
use super::fault::Fault;
use super::headers::MetaHeaders;
use super::level::Level;
use super::{Dialect, views};
use crate::app::AppState;
use crate::connection;
use crate::service::plankton::{PlanktonError, Registered};
use crate::service::{ImageService, Requester};

/// One authenticated call.
pub(super) struct Call {
    pub(super) request: HttpRequest,
    pub(super) state: Data<AppState>,
    pub(super) dialect: Rc<Dialect>,
    pub(super) rules: Arc<RuleBook>,
    pub(super) requester: Arc<Requester>,
    pub(super) form: Form,
}

impl Call {
    pub(super) fn service(&self) -> &ImageService {
        &self.state.service
    }

    pub(super) fn level(&self) -> Level {
        self.dialect.level
    }

    /// What an outcome of the service is to this caller.
    pub(super) fn fault(&self, error: PlanktonError) -> Fault {
        self.level().fault(error)
    }

    /// The text of a header, if it has one.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        let value = self.request.headers().get(name)?;
        value.to_str().ok()
    }

    /// What the headers say about an image.
    pub(super) fn meta_headers(&self) -> Result<MetaHeaders, Fault> {
        if let Some(head) = connection::head(&self.request) {
            return MetaHeaders::gather(head.headers(), self.level());
        }
        let headers = self.request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        MetaHeaders::gather(headers, self.level())
    }

    /// An answer without a body.
    pub(super) fn empty(&self, status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::build(status).body("");
        complete(response.headers_mut(), self.form);
        response
    }

    /// An answer that describes an image by its headers.
    pub(super) fn described(&self, mut image: Registered) -> HttpResponse {
        self.hide_properties(&mut image);
        let mut response = self.empty(StatusCode::OK);
        views::describe(&image, self.level(), response.headers_mut());
        response
    }

    /// An answer in JSON, whatever was asked for (Synnefo's behaviour).
    pub(super) fn json<T: Serialize>(&self, view: &T) -> Result<HttpResponse, Fault> {
        let body = json::to_vec(view);
        let body = body.map_err(|error| Fault::new(503, "").caused_by(error))?;
        let mut response = HttpResponse::Ok().body(body);
        complete(response.headers_mut(), self.form);
        Ok(response)
    }
}
