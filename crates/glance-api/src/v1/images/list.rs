//! Lists of images, short and detailed.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LINK};

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::outcome::During;
use super::super::views::{Detail, ImageList, Summary, json_response};
use super::super::{page, query};

/// `GET /images`.
pub(in crate::v1) async fn index(call: &Call, payload: Payload) -> Result<HttpResponse, Failure> {
    let query = prepare(call, payload).await?;
    let images = call.service().list(&call.requester, &query).await;
    let images = images.map_err(|error| Failure::of(error, During::List))?;
    let base = call.base_url();
    let items = images
        .iter()
        .map(|image| Summary::item(image, &base))
        .collect();
    let mut response = json_response(StatusCode::OK, &ImageList { images: items });
    let last = images.last().map(|image| image.id.as_str());
    link(
        call,
        &mut response,
        &format!("{base}/v1/images"),
        images.len(),
        last,
    );
    Ok(response)
}

/// `GET /images/detail`.
pub(in crate::v1) async fn detail(call: &Call, payload: Payload) -> Result<HttpResponse, Failure> {
    let query = prepare(call, payload).await?;
    let images = call.service().list_detailed(&call.requester, &query).await;
    let mut images = images.map_err(|error| Failure::of(error, During::List))?;
    images
        .iter_mut()
        .for_each(|image| call.hide_properties(image));
    let base = call.base_url();
    let items = images
        .iter()
        .map(|image| Detail::item(image, &base))
        .collect();
    let mut response = json_response(StatusCode::OK, &ImageList { images: items });
    let last = images.last().map(|image| image.id.as_str());
    link(
        call,
        &mut response,
        &format!("{base}/v1/images/detail"),
        images.len(),
        last,
    );
    Ok(response)
}

async fn prepare(call: &Call, payload: Payload) -> Result<Vec<(String, String)>, Failure> {
    call.expect_no_body(payload).await?;
    call.enforce("get_images")?;
    Ok(query::read(call.request.query_string())?)
}

fn link(call: &Call, response: &mut HttpResponse, url: &str, count: usize, last: Option<&str>) {
    let query = call.request.query_string();
    let next = page::next(&call.config().limits, url, query, count, last);
    if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(LINK, next);
    }
}
