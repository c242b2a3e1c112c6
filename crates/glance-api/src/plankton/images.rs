//! Images: lists, registration, and what is said of one of them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::call::Call;
use super::fault::Fault;
use super::fields::{self, Believed};
use super::query;
use super::views::{Brief, Detail};
use crate::service::plankton::{PlanktonError, Registered};

/// `GET /images`.
pub(super) async fn index(call: &Call) -> Result<HttpResponse, Fault> {
    let images = list(call).await?;
    let items = images.iter().map(|image| Brief::of(image, call.level()));
    call.json(&items.collect::<Vec<_>>())
}

/// `GET /images/detail`.
pub(super) async fn detail(call: &Call) -> Result<HttpResponse, Fault> {
    let mut images = list(call).await?;
    images.iter_mut().for_each(|it| call.hide_properties(it));
    let items = images.iter().map(|image| Detail::of(image, call.level()));
    call.json(&items.collect::<Vec<_>>())
}

async fn list(call: &Call) -> Result<Vec<Registered>, Fault> {
    let query = query::read(call.request.query_string())?;
    let images = call
        .service()
        .list_registered(&call.requester, &query)
        .await;
    images.map_err(|error| call.fault(error))
}

/// `POST /images`. A body is not looked at.
pub(super) async fn register(call: &Call) -> Result<HttpResponse, Fault> {
    let new = fields::registration(call.meta_headers()?, call.level())?;
    call.expect_creatable(new.properties.keys())?;
    let image = call.service().register(&call.requester, new).await;
    Ok(call.described(image.map_err(|error| call.fault(error))?))
}

/// `HEAD /images/ID`.
pub(super) async fn meta(call: &Call, id: &str) -> Result<HttpResponse, Fault> {
    Ok(call.described(find(call, id).await?))
}

/// `PUT /images/ID`. What the request says of the data must be so, and changes nothing.
pub(super) async fn update(call: &Call, id: &str) -> Result<HttpResponse, Fault> {
    let (update, believed) = fields::update(call.meta_headers()?, call.level())?;
    if believed != Believed::default() {
        let image = find(call, id).await?;
        if let Some(given) = believed.size.filter(|size| *size != image.size) {
            let found = image.size;
            return Err(call.fault(PlanktonError::SizeDiffers { given, found }));
        }
        let differs = |sum: &String| !sum.eq_ignore_ascii_case(&image.checksum);
        if believed.checksum.as_ref().is_some_and(differs) {
            return Err(call.fault(PlanktonError::ChecksumDiffers));
        }
    }
    call.expect_changeable(id, &update).await?;
    let updated = call
        .service()
        .update_registered(&call.requester, id, update);
    let image = updated.await.map_err(|error| call.fault(error))?;
    Ok(call.described(image))
}

/// `DELETE /images/ID`: the object stays.
pub(super) async fn unregister(call: &Call, id: &str) -> Result<HttpResponse, Fault> {
    let done = call.service().unregister(&call.requester, id).await;
    done.map_err(|error| call.fault(error))?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

pub(super) async fn find(call: &Call, id: &str) -> Result<Registered, Fault> {
    let found = call.service().registered(&call.requester, id).await;
    found.map_err(|error| call.fault(error))
}
