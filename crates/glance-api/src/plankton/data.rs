//! `GET /images/ID`: the data of an image, passed on from where it is, if that is configured.
//! Synnefo leaves it to Pithos and answers 501.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    HttpDate, LAST_MODIFIED, RANGE, VARY,
};
use glance_core::timestamp::Timestamp;
use glance_store::data::ImageData;
use glance_store::store::ByteRange;

use super::call::Call;
use super::fault::Fault;
use super::images::find;
use super::views;
use crate::service::plankton::{PlanktonError, Registered};
use crate::transfer::{self, Requested, Validators, Verdict, requested};

/// How often the image is looked at again when its object changes between the look and the reading.
const ATTEMPTS: usize = 3;

/// Sends the data. Without the option nobody looks whether there is such an image.
pub(super) async fn show(call: &Call, id: &str) -> Result<HttpResponse, Fault> {
    if !call.dialect.proxy_data {
        return Ok(call.empty(StatusCode::NOT_IMPLEMENTED));
    }
    let mut attempts = 0;
    loop {
        let image = find(call, id).await?;
        attempts += 1;
        match send(call, image).await {
            Err(PlanktonError::DataChanged { .. }) if attempts < ATTEMPTS => {}
            sent => return sent.map_err(|error| call.fault(error)),
        }
    }
}

async fn send(call: &Call, mut image: Registered) -> Result<HttpResponse, PlanktonError> {
    call.hide_properties(&mut image);
    let headers = call.request.headers();
    let validators = Validators::new(etag(&image), image.updated_at);
    match validators.judge(headers) {
        Verdict::Send => {}
        Verdict::NotModified => {
            let mut response = HttpResponse::NotModified().finish();
            describe(call, &image, response.headers_mut());
            return Ok(response);
        }
        Verdict::Failed => {
            let text = "A condition of the request does not hold";
            return Ok(Fault::new(412, text).response(&call.request, call.form));
        }
    }
    let range = call.header(RANGE);
    let range = range.filter(|_| validators.permit_range(headers));
    match range.map(|range| requested(range, image.size)) {
        None | Some(Requested::Whole) => {
            let data = open(call, &image, None).await?;
            Ok(respond(call, StatusCode::OK, &image, data))
        }
        Some(Requested::Part(range)) => {
            let data = open(call, &image, Some(range)).await?;
            let mut response = respond(call, StatusCode::PARTIAL_CONTENT, &image, data);
            let last = range.offset + range.length - 1;
            let part = format!("bytes {}-{last}/{}", range.offset, image.size);
            put(response.headers_mut(), part);
            Ok(response)
        }
        Some(Requested::Unsatisfiable) => {
            let fault = Fault::new(416, "The range lies outside of the data");
            let mut response = fault.response(&call.request, call.form);
            put(response.headers_mut(), format!("bytes */{}", image.size));
            Ok(response)
        }
    }
}

async fn open(
    call: &Call,
    image: &Registered,
    range: Option<ByteRange>,
) -> Result<ImageData, PlanktonError> {
    let service = call.service();
    service.open_registered(&call.requester, image, range).await
}

fn respond(call: &Call, status: StatusCode, image: &Registered, data: ImageData) -> HttpResponse {
    let body = transfer::body(&call.request, &call.requester.request_id, data);
    let mut response = HttpResponse::build(status).body(body);
    describe(call, image, response.headers_mut());
    response
}

/// Only who sees the image has its data, so no cache that others use may keep it.
fn describe(call: &Call, image: &Registered, headers: &mut HeaderMap) {
    views::describe(image, call.level(), headers);
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, bytes);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(VARY, HeaderValue::from_static("X-Auth-Token"));
    let private = HeaderValue::from_static("private, no-cache");
    headers.insert(CACHE_CONTROL, private);
    if let Ok(date) = HeaderValue::try_from(http_date(image.updated_at)) {
        headers.insert(LAST_MODIFIED, date);
    }
    let tag = etag(image).map(|tag| HeaderValue::try_from(format!("\"{tag}\"")));
    if let Some(Ok(tag)) = tag {
        headers.insert(ETAG, tag);
    }
}

fn etag(image: &Registered) -> Option<&str> {
    let checksum = Some(image.checksum.as_str());
    checksum.filter(|checksum| !checksum.is_empty())
}

fn http_date(time: Timestamp) -> String {
    HttpDate::from(std::time::SystemTime::from(time.utc())).to_string()
}

fn put(headers: &mut HeaderMap, range: String) {
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}
