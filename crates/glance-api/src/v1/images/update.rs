//! `PUT /images/ID`: other metadata, or the data of an image that has none.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use glance_core::fault::Fault;
use glance_core::image::{Image, ImageFields, ImageStatus};

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::headers::MetaHeaders;
use super::super::image_meta::ImageMeta;
use super::super::outcome::During;
use super::super::views::{Detail, OneImage, json_response, put_etag};
use super::find;
use super::source::{Named, refuse_over_quota, refuse_too_large};
use crate::service::{ImageUpdate, ServiceError};

/// `PUT /images`: the image is the one that `x-image-meta-id` names (the API reference's tables).
pub(in crate::v1) async fn update_named(
    call: &Call,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let mut headers = call.meta_headers()?;
    match headers.take("id").filter(|id| !id.is_empty()) {
        Some(id) => change(call, &id, headers, payload).await,
        None => Err(Failure::not_allowed(Some("GET, POST"))),
    }
}

/// `PUT /images/ID`.
pub(in crate::v1) async fn update(
    call: &Call,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let headers = call.meta_headers()?;
    change(call, id, headers, payload).await
}

/// Checks in Glance's order, all of it before the body is read, and changes the image.
async fn change(
    call: &Call,
    id: &str,
    headers: MetaHeaders,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let failed = |error| Failure::of(error, During::Update);
    let mut meta = ImageMeta::read(headers, &call.edge.formats)?;
    refuse_too_large(call, &meta)?;
    call.mutating()?;
    call.enforce("modify_image")?;
    if meta.fields.is_public == Some(true) {
        call.enforce("publicize_image")?;
    }
    let source = Named::of(call, &meta).map_err(failed)?;
    source.enforce(call)?;

    let original = find(call, id).await?;
    if original.status == ImageStatus::Deleted {
        return Err(Fault::explained(403, "Forbidden to update deleted image.").into());
    }
    refuse_immutable(call, &meta, &original)?;
    if source == Named::Data && original.status != ImageStatus::Queued {
        return Err(failed(ServiceError::NotQueued));
    }
    let elsewhere = matches!(source, Named::Location | Named::CopyFrom);
    if elsewhere && original.status != ImageStatus::Queued {
        return Err(failed(ServiceError::LocationOfUnqueued));
    }
    // Data never takes properties away: clients set some first and upload with others.
    let purge = meta.purge_properties && source != Named::Data;
    call.expect_changeable(&original.properties, &mut meta.properties, purge)?;
    let kept = original
        .properties
        .keys()
        .filter(|name| !meta.properties.contains_key(*name));
    let kept = if purge { 0 } else { kept.count() };
    refuse_over_quota(call, meta.properties.len() + kept)?;
    call.expect_mutable(&original, "update")?;
    source.expect_image_type(call)?;

    let source = source.open(call, &mut meta, payload);
    let update = ImageUpdate {
        store: meta.store.take(),
        fields: fields(call, meta),
        purge_properties: purge,
        source,
    };
    let mut image = call
        .service()
        .update(call.requester.clone(), &original, update)
        .await
        .map_err(failed)?;
    call.hide_properties(&mut image.properties);
    let view = OneImage {
        image: Detail::of(&image),
    };
    let mut response = json_response(StatusCode::OK, &view);
    put_etag(&image, response.headers_mut());
    Ok(response)
}

/// What no one may change, and what only administrators may once there is data. Equal values pass.
fn refuse_immutable(call: &Call, meta: &ImageMeta, original: &Image) -> Result<(), Fault> {
    let settled = matches!(
        original.status,
        ImageStatus::Active | ImageStatus::Deactivated
    );
    if settled && !call.identity().is_admin {
        let status = original.status;
        let of_settled = |key: &str| {
            Fault::explained(
                403,
                format!("Forbidden to modify '{key}' of {status} image."),
            )
        };
        if meta.fields.size.is_some_and(|size| size != original.size) {
            return Err(of_settled("size"));
        }
        if meta
            .fields
            .checksum
            .as_ref()
            .is_some_and(|checksum| *checksum != original.checksum)
        {
            return Err(of_settled("checksum"));
        }
    }
    let of_any =
        |key: &str| Fault::explained(403, format!("Forbidden to modify '{key}' of image."));
    if meta
        .status
        .as_ref()
        .is_some_and(|status| status != original.status.as_str())
    {
        return Err(of_any("status"));
    }
    if meta.id.as_ref().is_some_and(|id| *id != original.id) {
        return Err(of_any("id"));
    }
    Ok(())
}

/// What the registry is told. Times are dropped without a word, as in Glance; so is the owner
/// unless an administrator sets it.
fn fields(call: &Call, meta: ImageMeta) -> ImageFields {
    let mut fields = meta.fields;
    (fields.created_at, fields.updated_at) = (None, None);
    fields.owner = meta.owner.filter(|_| call.identity().is_admin);
    fields.properties = Some(meta.properties);
    fields
}
