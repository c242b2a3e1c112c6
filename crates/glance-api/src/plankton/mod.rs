//! Plankton, the image API of Synnefo, at the level that is configured. `Action` has every route,
//! `Level` every point where Synnefo's guide and its server disagree.
//!
//! Synnefo's order, which its answers show: addresses and methods come before the token.

mod action;
mod answer;
mod call;
mod data;
mod fault;
mod fields;
mod headers;
mod images;
mod level;
mod members;
mod mount;
mod outcome;
mod protection;
mod query;
mod views;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use glance_auth::Authenticator;
use glance_config::ApiConfig;
use glance_core::identity::Identity;
use glance_core::wire;
use serde_json::json;

pub(crate) use action::{Action, action};
pub(crate) use mount::Place;

use crate::app::{AppState, Edge, with_listener};
use crate::caller::{challenged, request_id};
use crate::service::Requester;
use action::Asked;
use answer::{Form, complete};
use call::Call;
use fault::Fault;
use level::Level;
use mount::Mount;

/// The dialect as it is configured, and who knows its callers.
#[derive(Debug)]
pub struct Dialect {
    mount: Mount,
    level: Level,
    proxy_data: bool,
    /// Whether no other dialect is served.
    alone: bool,
    authenticator: Arc<dyn Authenticator>,
}

impl Dialect {
    /// The dialect of `config`, none if it is not served.
    pub fn from_config(config: &ApiConfig, authenticator: Arc<dyn Authenticator>) -> Option<Self> {
        let dialects = config.dialects.dialects;
        dialects.plankton.then(|| Self {
            mount: Mount::new(config.plankton.prefix.as_str()),
            level: config.plankton.level.into(),
            proxy_data: config.plankton.proxy_data,
            alone: !dialects.glance,
            authenticator,
        })
    }

    /// What `path`, which is decoded, is for; none if it is not of this dialect.
    pub(crate) fn place<'a>(&self, path: &'a str) -> Option<Place<'a>> {
        self.mount.place(path, self.alone)
    }
}

/// A request for a place of the dialect.
pub(crate) struct Arrival<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) payload: Payload,
    pub(crate) state: &'a Data<AppState>,
    pub(crate) edge: &'a Edge,
    pub(crate) dialect: Rc<Dialect>,
    pub(crate) place: Place<'a>,
}

/// Answers a request; `requester` is told who sent it as soon as that is known.
pub(crate) async fn answer(
    arrival: Arrival<'_>,
    requester: &mut Option<Arc<Requester>>,
) -> HttpResponse {
    let Arrival {
        request,
        payload,
        state,
        edge,
        dialect,
        place,
    } = arrival;
    let level = dialect.level;
    let method = request.method().as_str();
    let refuse = |fault: Fault, form| fault.response(request, form);
    let nowhere = Fault::new(level.nowhere(), "API endpoint not found");
    let path = match place {
        Place::Call(path) => path,
        Place::Versions => return versions(edge, request, &dialect),
        Place::Nowhere => return refuse(nowhere, Form::of(request, "")),
    };
    let form = Form::of(request, path);
    let (action, id, member, allow) = match Asked::of(method, path) {
        Asked::For(action, id, member, allow) => (action, id, member, allow),
        Asked::NotAllowed {
            allow,
            by_framework,
        } => {
            let page = by_framework && level.wrong_method_is_a_page();
            return refuse(Fault::not_allowed(allow, page), form);
        }
        Asked::Nothing => return refuse(nowhere, form),
    };
    let identity = match identify(&*dialect.authenticator, request).await {
        Ok(identity) => identity,
        Err(fault) => return challenged(&*dialect.authenticator, refuse(fault, form)),
    };
    let longest = edge.config.limits.max_request_id_length;
    let asked_by = Arc::new(Requester {
        identity,
        request_id: request_id(request.headers(), longest),
    });
    *requester = Some(asked_by.clone());
    let call = Call {
        request: request.clone(),
        state: state.clone(),
        dialect: dialect.clone(),
        rules: state.rules(),
        requester: asked_by.clone(),
        form,
    };
    let outcome = act(&call, action, (id, member), payload).await;
    let mut response = outcome.unwrap_or_else(|fault| {
        let fault = fault.at(allow);
        fault.log(&asked_by.request_id);
        fault.response(request, form)
    });
    if let Ok(id) = HeaderValue::try_from(asked_by.request_id.as_str()) {
        let name = HeaderName::from_static(wire::REQUEST_ID);
        response.headers_mut().insert(name, id);
    }
    challenged(&*dialect.authenticator, response)
}

/// Does what is asked for; `named` are the image and the member that the path names, if it does.
async fn act(
    call: &Call,
    action: Action,
    named: (&str, &str),
    payload: Payload,
) -> Result<HttpResponse, Fault> {
    let (id, member) = named;
    match action {
        Action::Index => images::index(call).await,
        Action::Register => images::register(call).await,
        Action::Detail => images::detail(call).await,
        Action::Show => data::show(call, id).await,
        Action::Meta => images::meta(call, id).await,
        Action::Update => images::update(call, id).await,
        Action::Unregister => images::unregister(call, id).await,
        Action::Members => members::index(call, id).await,
        Action::ReplaceMembers => members::update_all(call, id, payload).await,
        Action::AddMember => members::add(call, id, member).await,
        Action::RemoveMember => members::remove(call, id, member).await,
        Action::SharedImages => members::shared_images(call, member).await,
    }
}

/// The caller, who is never an administrator here and never nobody: Synnefo knows neither.
async fn identify(
    authenticator: &dyn Authenticator,
    request: &HttpRequest,
) -> Result<Identity, Fault> {
    let identity = authenticator.authenticate(request.head()).await;
    let identity = identity.map_err(outcome::unidentified)?;
    if identity.read_only {
        return Err(outcome::no_token());
    }
    Ok(Identity {
        is_admin: false,
        ..identity
    })
}

/// The one version that there is, told to anybody.
fn versions(edge: &Edge, request: &HttpRequest, dialect: &Dialect) -> HttpResponse {
    let base = with_listener(request, |listener| {
        edge.base_urls.location(listener, request.headers())
    });
    let version = json!({
        "id": "v1.0",
        "status": "CURRENT",
        "links": [{ "rel": "self", "href": format!("{base}{}/", dialect.mount.base()) }],
    });
    let body = json!({ "versions": [version] }).to_string();
    let mut response = HttpResponse::build(StatusCode::OK).body(body);
    complete(response.headers_mut(), Form::of(request, ""));
    response
}
