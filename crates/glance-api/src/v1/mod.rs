//! Glance's Images API, version 1, with the oddities that its clients know. [`Action`] has every
//! route.

mod action;
pub(crate) mod call;
pub(crate) mod fault;
mod headers;
mod image_meta;
mod images;
mod members;
mod outcome;
mod page;
mod permissions;
mod query;
mod times;
mod views;

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use glance_core::fault::Fault;

pub use action::Action;
use action::Asked;
use call::Call;
use fault::Failure;

/// Methods that Glance's router knows: an unknown path answers 404 to these and 501 to others.
const IMPLEMENTED: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];

/// The action that `method` and `path`, which is decoded, ask for, if there is one.
pub(crate) fn action(method: &str, path: &str) -> Option<Action> {
    match Asked::of(method, path) {
        Asked::For(action, ..) => Some(action),
        Asked::NotAllowed(_) | Asked::Nothing => None,
    }
}

/// Answers a request for `path`, which begins with a slash and is decoded.
pub(crate) async fn dispatch(
    call: &Call,
    path: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let method = call.request.method().as_str();
    let (action, id, tenant) = match Asked::of(method, path) {
        Asked::For(action, id, tenant) => (action, id, tenant),
        Asked::NotAllowed(allowed) => return Err(Failure::not_allowed(allowed)),
        Asked::Nothing if IMPLEMENTED.contains(&method) => return Err(Fault::bare(404).into()),
        Asked::Nothing => return Err(Fault::bare(501).into()),
    };
    match action {
        Action::Root | Action::Index => images::index(call, payload).await,
        Action::Create => images::create(call, payload).await,
        Action::UpdateNamed => images::update_named(call, payload).await,
        Action::Detail => images::detail(call, payload).await,
        Action::Show => images::show(call, id, payload).await,
        Action::Meta => images::meta(call, id, payload).await,
        Action::Update => images::update(call, id, payload).await,
        Action::Delete => images::delete(call, id, payload).await,
        Action::Members => members::index(call, id, payload).await,
        Action::ReplaceMembers => members::update_all(call, id, payload).await,
        Action::PutMember => members::update(call, id, tenant, payload).await,
        Action::DeleteMember => members::delete(call, id, tenant, payload).await,
        Action::SharedImages => members::index_shared_images(call, id, payload).await,
    }
}
