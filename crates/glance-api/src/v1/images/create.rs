//! `POST /images`: a new image, with its data, without, or with the place where it is.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use glance_core::fault::Fault;

use super::super::call::Call;
use super::super::fault::Failure;
use super::super::image_meta::ImageMeta;
use super::super::outcome::During;
use super::super::views::{Detail, OneImage, image_url, json_response, put_etag};
use super::source::{Named, refuse_over_quota, refuse_too_large};
use crate::service::{NewImage, Source};

/// Checks in Glance's order, all of it before the body is read, and registers the image.
pub(in crate::v1) async fn create(call: &Call, payload: Payload) -> Result<HttpResponse, Failure> {
    let failed = |error| Failure::of(error, During::Create);
    let headers = call.meta_headers()?;
    let mut meta = ImageMeta::read(headers, &call.edge.formats)?;
    refuse_too_large(call, &meta)?;
    call.mutating()?;
    call.enforce("add_image")?;
    if meta.fields.is_public == Some(true) {
        call.enforce("publicize_image")?;
    }
    let source = Named::of(call, &meta).map_err(failed)?;
    source.enforce(call)?;
    call.expect_creatable(&meta.properties)?;
    refuse_over_quota(call, meta.properties.len())?;
    if meta.deleted {
        // Glance answers 500 and leaves a row that nobody sees.
        return Err(Fault::explained(400, "A new image cannot be deleted already.").into());
    }
    source.expect_image_type(call)?;
    let identity = call.identity();
    if source != Named::Nothing && identity.owner().is_none() && !identity.is_admin {
        // The image would have no owner, so its uploader could not change it. Glance answers 500.
        let text = "Forbidden to upload an image that belongs to nobody.";
        return Err(Fault::explained(403, text).into());
    }
    let source = source.open(call, &mut meta, payload);
    let image = call
        .service()
        .create(call.requester.clone(), new_image(call, meta, source))
        .await
        .map_err(failed)?;
    let view = OneImage {
        image: Detail::of(&image),
    };
    let mut response = json_response(StatusCode::CREATED, &view);
    put_etag(&image, response.headers_mut());
    if let Ok(location) = HeaderValue::try_from(image_url(&call.base_url(), &image.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn new_image(call: &Call, meta: ImageMeta, source: Source) -> NewImage {
    let mut fields = meta.fields;
    fields.id = meta.id;
    fields.properties = Some(meta.properties);
    // Others own what they create, whatever they say.
    fields.owner = meta.owner.filter(|_| call.identity().is_admin);
    let data = matches!(source, Source::Data(_));
    NewImage {
        fields,
        store: meta.store.filter(|store| data || !store.is_empty()),
        source,
    }
}
