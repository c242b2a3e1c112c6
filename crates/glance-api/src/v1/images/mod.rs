//! Images: Glance's actions index, detail, meta, show, create, update and delete.

mod create;
mod list;
mod show;
mod source;
mod update;

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use glance_core::fault::Fault;
use glance_core::image::{Image, ImageStatus};

pub(super) use create::create;
pub(super) use list::{detail, index};
pub(super) use show::show;
pub(super) use update::{update, update_named};

use super::call::Call;
use super::fault::Failure;
use super::outcome::During;
use super::views;

/// What Glance answers without a body has this type.
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

/// `HEAD /images/ID`: all that is known of an image, in whatever status. No store is asked.
pub(super) async fn meta(call: &Call, id: &str, payload: Payload) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    call.enforce("get_image")?;
    let found = call.service().find_shown(&call.requester, id).await;
    let mut image = found.map_err(|error| Failure::of(error, During::Find))?;
    call.hide_properties(&mut image.properties);
    // The length is that of Glance's answer, which is empty, and not that of the image.
    let mut response = HttpResponse::Ok().body("");
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    views::describe(&image, response.headers_mut());
    Ok(response)
}

/// `DELETE /images/ID`.
pub(super) async fn delete(
    call: &Call,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    call.mutating()?;
    call.enforce("delete_image")?;
    let image = find(call, id).await?;
    if image.status == ImageStatus::Deleted && image.deleted && !image.protected {
        return Err(Fault::explained(404, format!("Image {id} not found.")).into());
    }
    if !image.protected && image.status != ImageStatus::PendingDelete {
        call.expect_mutable(&image, "delete")?;
    }
    call.service()
        .delete(&call.requester, &image)
        .await
        .map_err(|error| Failure::of(error, During::Delete))?;
    let mut response = HttpResponse::Ok().body("");
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    Ok(response)
}

async fn find(call: &Call, id: &str) -> Result<Image, Failure> {
    let found = call.service().find(&call.requester, id).await;
    found.map_err(|error| Failure::of(error, During::Find))
}
