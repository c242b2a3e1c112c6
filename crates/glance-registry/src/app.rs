//! Every route on one screen, and what happens around each: request id, authentication, log.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use actix_http::ConnectionType;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use glance_auth::{AuthError, Authenticator};
use glance_config::rules::LiveRules;
use glance_config::{HealthcheckConfig, RegistrySecret};
use glance_core::fault::Fault;
use glance_core::identity::Identity;
use glance_core::wire;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use subtle::ConstantTimeEq;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::answer::{Answer, respond};
use crate::db::Db;
use crate::error::Refusal;
use crate::{body, images, leases, members, metrics, recovery, registrations};

/// What can change while the daemon runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The most images in an answer.
    pub(crate) most_images: u64,
    /// As many if the request does not say.
    pub(crate) usual_images: u64,
    /// The longest request id that a caller may choose; a longer one is cut off.
    pub(crate) request_id_length: usize,
}

/// What every request needs.
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) auth: Arc<dyn Authenticator>,
    /// What callers must know before anything else they say is looked at.
    pub(crate) secret: Option<RegistrySecret>,
    /// The rule `context_is_admin` makes administrators, as in the API daemon.
    pub(crate) rules: Arc<LiveRules>,
    /// Whether the protocol is served at all (`enable_v1_registry`).
    pub(crate) enabled: bool,
    pub(crate) settings: RwLock<Settings>,
    pub(crate) healthcheck: RwLock<Arc<HealthcheckConfig>>,
    /// The port that the daemon listens on, for health checks.
    pub(crate) port: u16,
    /// Requests that are being answered.
    pub(crate) running: AtomicUsize,
    /// Requests that have come so far.
    pub(crate) begun: AtomicUsize,
    /// Set when no further request is wanted on a connection.
    pub(crate) stopping: AtomicBool,
}

/// Counts a request for as long as it is being answered.
struct Running<'a>(&'a App);

impl<'a> Running<'a> {
    fn begin(app: &'a App) -> Self {
        app.running.fetch_add(1, Ordering::SeqCst);
        app.begun.fetch_add(1, Ordering::SeqCst);
        Self(app)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl App {
    pub(crate) fn settings(&self) -> Settings {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn healthcheck(&self) -> Arc<HealthcheckConfig> {
        let config = self.healthcheck.read();
        config.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the request knows the secret, if there is one.
    fn admits(&self, request: &HttpRequest) -> bool {
        let Some(secret) = &self.secret else {
            return true;
        };
        let given = request.headers().get(wire::REGISTRY_SECRET);
        // How long it takes tells at most whether the length is right.
        given.is_some_and(|given| given.as_bytes().ct_eq(secret.reveal().as_bytes()).into())
    }
}

/// An authenticated request, parsed as far as all calls share it.
pub(crate) struct Call {
    pub(crate) caller: Identity,
    pub(crate) body: Option<Value>,
    pub(crate) request: HttpRequest,
}

impl Call {
    /// The text of a header, if it has one that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// A limit that our API daemon sends along; negative or absent is none.
    pub(crate) fn quota(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// The query as it came.
    pub(crate) fn query(&self) -> &str {
        self.request.query_string()
    }
}

/// What a path and a method mean.
enum Route<'a> {
    Root,
    Index,
    Detail,
    Create,
    Show(&'a str),
    Update(&'a str),
    Delete(&'a str),
    Members(&'a str),
    ReplaceMembers(&'a str),
    AddMember(&'a str, &'a str),
    RemoveMember(&'a str, &'a str),
    /// Glance has routes for these, and no action.
    MembersOnly,
    SharedImages(&'a str),
    AcquireLease(&'a str),
    RenewLeases,
    ReleaseLease(&'a str),
    TakeOver,
    Register(&'a str),
    Unregister(&'a str),
}

/// Python's Routes: paths match exactly, and a method that does not fit is an unknown path.
fn route<'a>(method: &str, path: &[&'a str]) -> Option<Route<'a>> {
    Some(match (method, path) {
        (_, [""]) => Route::Root,
        ("GET", ["images"]) => Route::Index,
        ("POST", ["images"]) => Route::Create,
        ("GET", ["images", "detail"]) => Route::Detail,
        (_, ["images", ""] | ["images", "", ..] | ["shared-images", ""]) => return None,
        ("GET", ["images", id]) => Route::Show(id),
        ("PUT", ["images", id]) => Route::Update(id),
        ("DELETE", ["images", id]) => Route::Delete(id),
        ("GET", ["images", id, "members"]) => Route::Members(id),
        ("PUT", ["images", id, "members"]) => Route::ReplaceMembers(id),
        ("POST", ["images", _, "members"]) => Route::MembersOnly,
        (_, ["images", _, "members", ""]) => return None,
        ("PUT", ["images", id, "members", member]) => Route::AddMember(id, member),
        ("DELETE", ["images", id, "members", member]) => Route::RemoveMember(id, member),
        ("GET", ["images", _, "members", _]) => Route::MembersOnly,
        (_, ["shared-images", member]) => Route::SharedImages(member),
        ("PUT", ["leases"]) => Route::RenewLeases,
        ("PUT", ["leases", id]) if !id.is_empty() => Route::AcquireLease(id),
        ("DELETE", ["leases", id]) if !id.is_empty() => Route::ReleaseLease(id),
        ("POST", ["recovery"]) => Route::TakeOver,
        ("PUT", ["registrations", id]) if !id.is_empty() => Route::Register(id),
        ("DELETE", ["registrations", id]) if !id.is_empty() => Route::Unregister(id),
        _ => return None,
    })
}

impl Route<'_> {
    /// Its place in [`metrics::NAMES`].
    fn number(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Index => 1,
            Self::Detail => 2,
            Self::Create => 3,
            Self::Show(_) => 4,
            Self::Update(_) => 5,
            Self::Delete(_) => 6,
            Self::Members(_) => 7,
            Self::ReplaceMembers(_) => 8,
            Self::AddMember(..) => 9,
            Self::RemoveMember(..) => 10,
            Self::SharedImages(_) => 11,
            Self::AcquireLease(_) => 12,
            Self::RenewLeases => 13,
            Self::ReleaseLease(_) => 14,
            Self::TakeOver => 15,
            Self::Register(_) => 16,
            Self::Unregister(_) => 17,
            Self::MembersOnly => metrics::UNKNOWN,
        }
    }

    fn takes_body(&self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Update(_)
                | Self::ReplaceMembers(_)
                | Self::AddMember(..)
                | Self::MembersOnly
                | Self::AcquireLease(_)
                | Self::RenewLeases
                | Self::TakeOver
                | Self::Register(_)
        )
    }

    /// Whether read-only callers are refused, as Glance's `mutating` does.
    fn mutates(&self) -> bool {
        (self.takes_body() && !matches!(self, Self::MembersOnly))
            || matches!(
                self,
                Self::Delete(_)
                    | Self::RemoveMember(..)
                    | Self::ReleaseLease(_)
                    | Self::Unregister(_)
            )
    }
}

/// Answers one request.
pub(crate) async fn serve(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let started = Instant::now();
    let _running = Running::begin(&app);
    let _counted = metrics::REQUESTS.running.enter();
    let mut number = metrics::REFUSED;
    let request_id = request_id(&request, app.settings().request_id_length);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let accept = accept.map(str::to_owned);
    let mut tenant = None;
    // Before authentication, as Glance's healthcheck middleware.
    let healthcheck = path == app.healthcheck().path;
    let admitted = app.admits(&request);
    let caller = match (healthcheck, admitted) {
        (true, _) => None,
        (false, true) => Some(app.auth.authenticate(request.head()).await),
        (false, false) => Some(Err(AuthError::Unauthorized)),
    };
    let (outcome, identified) = match caller {
        None => {
            number = metrics::HEALTH;
            (health(&app, &request).await, false)
        }
        Some(Ok(mut caller)) => {
            caller.is_admin |= app.rules.current().policy.makes_admin(&caller);
            tenant.clone_from(&caller.tenant);
            let outcome = dispatch(&app, caller, request, payload, &path, &mut number).await;
            (outcome, true)
        }
        // Glance knows no request id before it knows the caller.
        Some(Err(error)) => (Err(unidentified(error)), false),
    };
    if let Err(refusal) = &outcome {
        refusal.log(&request_id);
    }
    let mut response = respond(
        outcome,
        &method,
        accept.as_deref(),
        identified.then_some(request_id.as_str()),
    );
    let challenge = match admitted {
        true => app.auth.challenge(),
        false => Some(wire::SECRET_CHALLENGE),
    };
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(Ok(challenge)) = challenge.map(HeaderValue::from_str)
    {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if app.stopping.load(Ordering::SeqCst) {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    let bytes = match response.body().size() {
        BodySize::Sized(bytes) => bytes,
        BodySize::None | BodySize::Stream => 0,
    };
    let (status, took) = (response.status().as_u16(), started.elapsed());
    metrics::REQUESTS.answered(number, status, took);
    // Each of many daemons may ask for it each second.
    let level = match number == metrics::HEALTH && status < 500 {
        true => log::Level::Debug,
        false => log::Level::Info,
    };
    log::log!(
        level,
        "{method} {path} {status} {bytes} {:.1} ms {request_id} {}",
        took.as_secs_f64() * 1000.0,
        tenant.as_deref().unwrap_or("-"),
    );
    response
}

/// What somebody is told of whom it is not known who he is.
fn unidentified(error: AuthError) -> Refusal {
    match error {
        AuthError::Unauthorized | AuthError::Refused(_) => Refusal::bare(401),
        AuthError::Rejected => Refusal::Rejected,
        AuthError::Unavailable => Refusal::Unidentifiable,
        AuthError::Malformed(reason) => Refusal::bad_request(reason),
    }
}

/// The file system is asked on a thread that may wait for it.
async fn health(app: &App, request: &HttpRequest) -> Result<Answer, Refusal> {
    let (config, port) = (app.healthcheck(), app.port);
    let method = request.method().clone();
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok().map(str::to_owned));
    let health = spawn_blocking(move || config.answer(port, method.as_str(), accept.as_deref()));
    match health.await {
        Ok(health) => Ok(Answer::Health(health)),
        Err(error) => Err(Refusal::Broken(error.to_string())),
    }
}

async fn dispatch(
    app: &App,
    caller: Identity,
    request: HttpRequest,
    payload: Payload,
    path: &str,
    number: &mut usize,
) -> Result<Answer, Refusal> {
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| undecodable())?;
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(&path).split('/').collect();
    let method = request.method().clone();
    let found = route(method.as_str(), &segments).filter(|_| app.enabled);
    *number = found.as_ref().map_or(metrics::UNKNOWN, Route::number);
    let Some(route) = found else {
        let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"].contains(&method.as_str());
        return Err(Refusal::bare(if known { 404 } else { 501 }));
    };
    let body = body::read(&request, payload).await?;
    if body.is_some() && !route.takes_body() {
        return Err(Refusal::bad_request(
            "A body is not expected with this request.",
        ));
    }
    if caller.read_only && route.mutates() {
        return Err(Refusal::Fault(Fault::detailed(403, "Read-only access")));
    }
    let call = Call {
        caller,
        body,
        request,
    };
    match route {
        Route::Root | Route::Index => images::index(app, call).await,
        Route::Detail => images::detail(app, call).await,
        Route::Create => images::create(app, call).await,
        Route::Show(id) => images::show(app, call, id).await,
        Route::Update(id) => images::update(app, call, id).await,
        Route::Delete(id) => images::delete(app, call, id).await,
        Route::Members(id) => members::index(app, call, id).await,
        Route::ReplaceMembers(id) => members::update_all(app, call, id).await,
        Route::AddMember(id, member) => members::update(app, call, id, member).await,
        Route::RemoveMember(id, member) => members::delete(app, call, id, member).await,
        Route::MembersOnly => Err(Refusal::NotAllowed("PUT, DELETE")),
        Route::SharedImages(member) => members::index_shared_images(app, call, member).await,
        Route::AcquireLease(id) => leases::acquire(app, call, id).await,
        Route::RenewLeases => leases::renew(app, call).await,
        Route::ReleaseLease(id) => leases::release(app, call, id).await,
        Route::TakeOver => recovery::take_over(app, call).await,
        Route::Register(id) => registrations::register(app, call, id).await,
        Route::Unregister(id) => registrations::unregister(app, call, id).await,
    }
}

/// Glance's words for bytes that are not UTF-8 where text must be.
pub(crate) fn undecodable() -> Refusal {
    Refusal::bad_request(
        "Error decoding your request. Either the URL or the request body contained characters that \
         could not be decoded by Glance",
    )
}

/// The caller's request id, made to begin with `req-` and cut to `longest`; or a new one.
fn request_id(request: &HttpRequest, longest: usize) -> String {
    let given = request
        .headers()
        .get(wire::REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let Some(given) = given.filter(|id| !id.is_empty()) else {
        return format!("req-{}", Uuid::new_v4().hyphenated());
    };
    let mut id = if given.starts_with("req-") {
        given.to_owned()
    } else {
        format!("req-{given}")
    };
    // Header text is ASCII, so every index is a boundary.
    id.truncate(longest.max(4));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_measured_under_its_own_name() {
        for (number, name) in metrics::NAMES[..metrics::UNKNOWN].iter().enumerate() {
            let path = name.path.replace("{id}", "a").replace("{tenant}", "b");
            let method = name.method.replace('*', "GET");
            let segments: Vec<&str> = path[1..].split('/').collect();
            let found = route(&method, &segments).unwrap();
            assert_eq!(found.number(), number, "{method} {path}");
        }
    }
}
