//! The application: what happens to a request, in which order, up to its dialect and back.
//!
//! Glance's order, which its answers show: refusals of the connection, CORS, versions, identity, and
//! only then the question whether there is such a resource.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use glance_auth::Authenticator;
use glance_config::ApiConfig;
use glance_config::rules::{LiveRules, RuleBook};
use glance_core::fault::Fault;
use glance_core::format::Formats;
use glance_core::wire;
use percent_encoding::percent_decode;

use crate::access_log::Line;
use crate::base_url::{BaseUrls, Listener};
use crate::caller::{challenged, identify, request_id};
use crate::cors::Cors;
use crate::plankton::{self, Arrival, Dialect, Place};
use crate::service::{ImageService, Requester};
use crate::v1::call::Call;
use crate::v1::fault::{Failure, UNDECODABLE};
use crate::versions::{self, Listing, Route};
use crate::{connection, health, metrics, v1};

/// What the requests of one reactor thread share.
pub struct AppState {
    pub(crate) service: ImageService,
    plankton: Option<Rc<Dialect>>,
    authenticator: Arc<dyn Authenticator>,
    rules: Arc<LiveRules>,
    edge: RefCell<Rc<Edge>>,
}

/// What follows from the configuration, worked out once for each version of it.
pub(crate) struct Edge {
    pub(crate) config: Arc<ApiConfig>,
    pub(crate) base_urls: BaseUrls,
    pub(crate) formats: Formats,
    cors: Cors,
}

impl AppState {
    /// Puts the state together. `service` belongs to the thread that the application runs on.
    pub fn new(
        service: ImageService,
        authenticator: Arc<dyn Authenticator>,
        rules: Arc<LiveRules>,
    ) -> Self {
        let edge = RefCell::new(Rc::new(Edge::new(service.config())));
        Self {
            service,
            plankton: None,
            authenticator,
            rules,
            edge,
        }
    }

    /// The same, which serves Plankton if there is a dialect, and Glance unless that is alone.
    #[must_use]
    pub fn with_plankton(self, plankton: Option<Dialect>) -> Self {
        Self {
            plankton: plankton.map(Rc::new),
            ..self
        }
    }

    /// The rules as they are now.
    pub(crate) fn rules(&self) -> Arc<RuleBook> {
        self.rules.current()
    }

    /// What `path`, which is decoded, is for in Plankton, if it is of that dialect.
    fn in_plankton<'a>(&self, path: &'a str) -> Option<(Rc<Dialect>, Place<'a>)> {
        let dialect = self.plankton.as_ref()?;
        Some((dialect.clone(), dialect.place(path)?))
    }

    fn edge(&self) -> Rc<Edge> {
        let config = self.service.config();
        let mut edge = self.edge.borrow_mut();
        if !Arc::ptr_eq(&edge.config, &config) {
            *edge = Rc::new(Edge::new(config));
        }
        edge.clone()
    }
}

impl Edge {
    fn new(config: Arc<ApiConfig>) -> Self {
        Self {
            base_urls: BaseUrls::new(&config.endpoint, &config.middleware),
            formats: Formats {
                disk: config.image_format.disk_formats.clone(),
                container: config.image_format.container_formats.clone(),
            },
            cors: Cors::new(&config.cors),
            config,
        }
    }
}

/// The application of one reactor thread. It has no routes of actix's: Glance's oddities (see
/// `v1`) are easier to follow in one `match` than in a router's settings.
pub fn app(
    state: AppState,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(Data::new(state))
        .default_service(web::to(serve))
}

/// What became known of a request while it was answered.
struct Seen {
    requester: Option<Arc<Requester>>,
    route: metrics::Route,
}

async fn serve(request: HttpRequest, payload: web::Payload, state: Data<AppState>) -> HttpResponse {
    let line = Line::begin(&request);
    let mut seen = Seen {
        requester: None,
        route: metrics::Route::Refused,
    };
    let mut response = match connection::refusal(&request) {
        Some(refusal) => refusal.response(),
        None => {
            let edge = state.edge();
            let mut response = match *request.method() {
                Method::OPTIONS if is_preflight(&request, &state) => {
                    seen.route = metrics::Route::Preflight;
                    preflight(&edge, &request)
                }
                _ => answer(&request, payload, &state, &edge, &mut seen).await,
            };
            edge.cors
                .decorate(request.headers(), response.headers_mut());
            response
        }
    };
    let camel_case = !matches!(seen.route, metrics::Route::Plankton(_));
    response.head_mut().set_camel_case_headers(camel_case);
    if let Some(line) = line {
        line.end(&request, &response, seen.requester, seen.route);
    }
    response
}

/// In Glance mode every OPTIONS is one; in Plankton only what a browser says to be one.
fn is_preflight(request: &HttpRequest, state: &AppState) -> bool {
    let asks = request
        .headers()
        .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    asks || !path(request).is_ok_and(|path| state.in_plankton(&path).is_some())
}

/// Glance answers 200 to any OPTIONS, before it asks for a version or a token.
fn preflight(edge: &Edge, request: &HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok().body("");
    for (name, value) in edge.cors.preflight(request.headers()) {
        response.headers_mut().insert(name, value);
    }
    response
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    state: &Data<AppState>,
    edge: &Rc<Edge>,
    seen: &mut Seen,
) -> HttpResponse {
    let Ok(path) = path(request) else {
        return Failure::from(Fault::explained(400, UNDECODABLE)).response(request);
    };
    if path == edge.config.healthcheck.path {
        seen.route = metrics::Route::Health;
        return health::answer(request, &edge.config).await;
    }
    if let Some((dialect, place)) = state.in_plankton(&path) {
        seen.route = metrics::Route::in_plankton(place, request.method().as_str());
        let arrival = Arrival {
            request,
            payload: payload.into_inner(),
            state,
            edge,
            dialect,
            place,
        };
        return plankton::answer(arrival, &mut seen.requester).await;
    }
    let accept = request
        .headers()
        .get("accept")
        .and_then(|value| value.to_str().ok());
    let route = versions::negotiate(&path, accept, &edge.config.versions);
    seen.route = metrics::Route::of(&route, request.method().as_str());
    if let Route::List(listing) = route {
        return version_list(edge, request, listing);
    }
    let rules = state.rules();
    let identity = match identify(&*state.authenticator, &rules.policy, request).await {
        Ok(identity) => identity,
        Err(answer) => return answer,
    };
    let longest = edge.config.limits.max_request_id_length;
    let request_id = request_id(request.headers(), longest);
    let asked_by = Arc::new(Requester {
        identity,
        request_id,
    });
    seen.requester = Some(asked_by.clone());
    let id = HeaderValue::try_from(asked_by.request_id.as_str());
    let mut response = match route {
        Route::V1(path) => {
            let call = Call {
                request: request.clone(),
                state: state.clone(),
                edge: edge.clone(),
                rules,
                requester: asked_by,
            };
            let outcome = v1::dispatch(&call, &path, payload.into_inner()).await;
            outcome.unwrap_or_else(|failure| {
                failure.log(&call.requester.request_id);
                failure.response(request)
            })
        }
        Route::Redirect(path) => redirect(edge, request, path),
        // Version 2 is listed, as Glance lists it, but not served.
        Route::V2(_) | Route::List(_) => Failure::from(Fault::bare(404)).response(request),
    };
    if let Ok(id) = id {
        response
            .headers_mut()
            .insert(HeaderName::from_static(wire::REQUEST_ID), id);
    }
    challenged(&*state.authenticator, response)
}

/// The path as the client meant it: from the target as it came, so that a target with a scheme and
/// host is none of ours (Glance answers 300 there).
fn path(request: &HttpRequest) -> Result<String, std::str::Utf8Error> {
    let head = connection::head(request);
    let target = head
        .as_ref()
        .map_or(request.path().as_bytes(), |head| head.target());
    let end = target
        .iter()
        .position(|byte| *byte == b'?')
        .unwrap_or(target.len());
    percent_decode(&target[..end])
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
}

fn version_list(edge: &Edge, request: &HttpRequest, listing: Listing) -> HttpResponse {
    let asked_for = listing == Listing::AskedFor;
    let base = with_listener(request, |listener| {
        edge.base_urls
            .version_links(asked_for, listener, request.headers())
    });
    let body = versions::body(&base, &edge.config.versions);
    let status = StatusCode::from_u16(listing.status()).unwrap_or(StatusCode::MULTIPLE_CHOICES);
    HttpResponse::build(status)
        .content_type("application/json")
        .body(body)
}

fn redirect(edge: &Edge, request: &HttpRequest, path: &str) -> HttpResponse {
    let base = with_listener(request, |listener| {
        edge.base_urls.redirect(listener, request.headers())
    });
    let mut response = HttpResponse::Found().body("");
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf8"),
    );
    if let Ok(location) = HeaderValue::try_from(format!("{base}{path}")) {
        headers.insert(LOCATION, location);
    }
    response
}

/// Calls `make` with what a URL is made from when no header of the request says otherwise.
pub(crate) fn with_listener<T>(request: &HttpRequest, make: impl FnOnce(Listener<'_>) -> T) -> T {
    let address = request.app_config().local_addr().to_string();
    make(Listener {
        tls: request.app_config().secure(),
        address: &address,
    })
}
