//! Lists of images, short and detailed.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LINK};
use glance_core::json::Text;
use glance_core::wire::{ImageDetail, ImageSummary};
use glance_registry_client::Page;
use serde::{Deserialize, Serialize};

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::outcome::During;
use super::super::views::{ImageList, Item, json_response};
use super::super::{page, query};
use crate::service::ServiceError;

/// `GET /images`.
pub(in crate::v1) async fn index(call: &Call, payload: Payload) -> Result<HttpResponse, Failure> {
    let query = prepare(call, payload).await?;
    let page = call.service().list(&call.requester, &query).await;
    let page = page.map_err(|error| Failure::of(error, During::List))?;
    let images: Vec<ImageSummary<'_>> = read(&page)?;
    Ok(answer(call, "images", &images, |image| &image.id))
}

/// `GET /images/detail`.
pub(in crate::v1) async fn detail(call: &Call, payload: Payload) -> Result<HttpResponse, Failure> {
    let query = prepare(call, payload).await?;
    let page = call.service().list_shown(&call.requester, &query).await;
    let page = page.map_err(|error| Failure::of(error, During::List))?;
    let mut images: Vec<ImageDetail<'_>> = read(&page)?;
    for image in &mut images {
        call.hide_properties(&mut image.properties);
    }
    Ok(answer(call, "images/detail", &images, |image| &image.id))
}

async fn prepare(call: &Call, payload: Payload) -> Result<Vec<(String, String)>, Failure> {
    call.expect_no_body(payload).await?;
    call.enforce("get_images")?;
    Ok(query::read(call.request.query_string())?)
}

fn read<'a, T: Deserialize<'a>>(page: &'a Page) -> Result<Vec<T>, Failure> {
    let images = page.images().map_err(ServiceError::Registry);
    images.map_err(|error| Failure::of(error, During::List))
}

/// `{"images": […]}`, and where the next page is.
fn answer<'a, T: Serialize>(
    call: &Call,
    path: &str,
    images: &'a [T],
    id: impl Fn(&'a T) -> &'a Text<'a>,
) -> HttpResponse {
    let base = call.base_url();
    let id = |image| id(image).as_ref();
    let items = images
        .iter()
        .map(|image| Item::new(image, id(image), &base));
    let list = ImageList {
        images: items.collect(),
    };
    let mut response = json_response(StatusCode::OK, &list);
    let url = format!("{base}/v1/{path}");
    let (query, last) = (call.request.query_string(), images.last().map(id));
    let next = page::next(&call.config().limits, &url, query, images.len(), last);
    if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(LINK, next);
    }
    response
}
