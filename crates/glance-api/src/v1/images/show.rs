//! `GET /images/ID`: the data of an image, or a part of it, with its metadata as headers.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE,
};
use glance_core::fault::Fault;
use glance_core::image::{Image, ImageStatus};
use glance_core::policy::Target;
use glance_store::data::ImageData;
use glance_store::store::ByteRange;

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::outcome::During;
use super::super::views;
use super::find;
use crate::service::ServiceError;
use crate::transfer::{self, Requested, Validators, Verdict, requested};

/// Sends the data. What the client has already, or asks for a part of, is decided here; Glance's v1
/// always sends everything.
pub(in crate::v1) async fn show(
    call: &Call,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    call.enforce("get_image")?;
    let mut image = match find_active(call, id).await {
        // Whoever may download nothing does not learn what there is.
        Err(failure) if failure.is_not_found() => {
            call.enforce("download_image")?;
            return Err(failure);
        }
        found => found?,
    };
    call.enforce_for("download_image", &Target::Image(&image))?;
    call.hide_properties(&mut image.properties);

    match validators(&image).judge(call.request.headers()) {
        Verdict::Send => {}
        Verdict::NotModified => {
            let mut response = HttpResponse::NotModified().finish();
            describe(&image, response.headers_mut());
            return Ok(response);
        }
        Verdict::Failed => return Err(Fault::bare(412).into()),
    }
    if let Some(header) = asked_for(call, &image)
        && let Some(size) = size(call, &image).await?
    {
        match requested(header, size) {
            Requested::Whole => {}
            Requested::Part(range) => return part(call, image, range, size).await,
            Requested::Unsatisfiable => {
                let mut response = Failure::from(Fault::bare(416)).response(&call.request);
                put_content_range(response.headers_mut(), format!("bytes */{size}"));
                return Ok(response);
            }
        }
    }
    let data = open(call, &image, None).await?;
    // The store knows better than the record, which an administrator can change.
    put_size(&mut image, data.size);
    Ok(respond(call, StatusCode::OK, &image, data))
}

/// Data never changes, so it has been so since the image was registered.
fn validators(image: &Image) -> Validators<'_> {
    Validators::new(image.checksum.as_deref(), image.created_at)
}

async fn find_active(call: &Call, id: &str) -> Result<Image, Failure> {
    let image = find(call, id).await?;
    let id = || image.id.clone();
    match image.status {
        ImageStatus::Active => Ok(image),
        ImageStatus::Deactivated => Err(Failure::of(
            ServiceError::Deactivated { id: id() },
            During::Find,
        )),
        _ => Err(Failure::of(
            ServiceError::NotActive { id: id() },
            During::Find,
        )),
    }
}

async fn open(call: &Call, image: &Image, range: Option<ByteRange>) -> Result<ImageData, Failure> {
    let opened = call.service().open(call.identity(), image, range).await;
    opened.map_err(|error| Failure::of(error, During::Find))
}

async fn size(call: &Call, image: &Image) -> Result<Option<u64>, Failure> {
    let size = call.service().data_size(call.identity(), image).await;
    size.map_err(|error| Failure::of(error, During::Find))
}

/// The `Range` that counts.
fn asked_for<'a>(call: &'a Call, image: &Image) -> Option<&'a str> {
    let range = call.header(RANGE)?;
    let permitted = validators(image).permit_range(call.request.headers());
    permitted.then_some(range)
}

async fn part(
    call: &Call,
    mut image: Image,
    range: ByteRange,
    size: u64,
) -> Result<HttpResponse, Failure> {
    let data = open(call, &image, Some(range)).await?;
    put_size(&mut image, Some(size));
    let mut response = respond(call, StatusCode::PARTIAL_CONTENT, &image, data);
    let ByteRange { offset, length } = range;
    let range = format!("bytes {offset}-{}/{size}", offset + length - 1);
    put_content_range(response.headers_mut(), range);
    Ok(response)
}

fn put_size(image: &mut Image, size: Option<u64>) {
    if let Some(size) = size {
        image.size = i64::try_from(size).ok();
    }
}

fn put_content_range(headers: &mut HeaderMap, range: String) {
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}

fn respond(call: &Call, status: StatusCode, image: &Image, data: ImageData) -> HttpResponse {
    let mut response = HttpResponse::build(status).body(transfer::body(
        &call.request,
        &call.requester.request_id,
        data,
    ));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    describe(image, headers);
    response
}

fn describe(image: &Image, headers: &mut HeaderMap) {
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    views::describe(image, headers);
    views::put_last_modified(image, headers);
}
