//! Glance's Images API, version 1: every route of it, with the oddities that its clients know.
//!
//! | resource | methods |
//! |---|---|
//! | `/images` | GET, POST; PUT with `x-image-meta-id` (the seed documents' tables) |
//! | `/images/detail` | GET |
//! | `/images/ID` | HEAD, GET, PUT, DELETE |
//! | `/images/ID/members` | GET, PUT |
//! | `/images/ID/members/TENANT` | PUT, DELETE |
//! | `/shared-images/TENANT` | every method is GET |
//! | `/` | every method is `GET /images` |

pub(crate) mod call;
mod conditions;
pub(crate) mod fault;
mod headers;
mod image_meta;
mod images;
mod members;
mod outcome;
mod page;
mod permissions;
mod query;
mod range;
mod times;
mod views;

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use glance_core::fault::Fault;

use call::Call;
use fault::Failure;

/// Methods that Glance's router knows: an unknown path answers 404 to these and 501 to others.
const IMPLEMENTED: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];

/// Answers a request for `path`, which begins with a slash and is decoded.
pub(crate) async fn dispatch(
    call: &Call,
    path: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let method = call.request.method().as_str();
    match (segments.as_slice(), method) {
        ([""], _) => images::index(call, payload).await,

        (["images"], "GET") => images::index(call, payload).await,
        (["images"], "POST") => images::create(call, payload).await,
        (["images"], "PUT") => images::update_named(call, payload).await,
        (["images"], _) => Err(Failure::not_allowed(Some("GET, POST"))),

        (["images", "detail"], "GET") => images::detail(call, payload).await,
        (["images", "detail"], "HEAD") => Err(Failure::not_allowed(Some("GET"))),
        (["images", "detail"], _) => Err(Failure::not_allowed(Some("GET, HEAD"))),

        (["images", id], _) if !id.is_empty() => match method {
            "GET" => images::show(call, id, payload).await,
            "HEAD" => images::meta(call, id, payload).await,
            "PUT" => images::update(call, id, payload).await,
            "DELETE" => images::delete(call, id, payload).await,
            _ => Err(Failure::not_allowed(Some("GET, HEAD, PUT, DELETE"))),
        },

        (["images", id, "members"], _) if !id.is_empty() => match method {
            "GET" => members::index(call, id, payload).await,
            "PUT" => members::update_all(call, id, payload).await,
            _ => Err(Failure::not_allowed(Some("GET, PUT"))),
        },

        (["images", id, "members", member], _) if !id.is_empty() && !member.is_empty() => {
            match method {
                "PUT" => members::update(call, id, member, payload).await,
                "DELETE" => members::delete(call, id, member, payload).await,
                // Glance names no method here, and says of the others that GET is one.
                "GET" => Err(Failure::not_allowed(None)),
                _ => Err(Failure::not_allowed(Some("GET, PUT, DELETE"))),
            }
        }

        (["shared-images", member], _) if !member.is_empty() => {
            members::index_shared_images(call, member, payload).await
        }

        (_, method) if IMPLEMENTED.contains(&method) => Err(Fault::bare(404).into()),
        _ => Err(Fault::bare(501).into()),
    }
}
