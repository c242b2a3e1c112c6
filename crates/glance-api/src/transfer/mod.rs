//! Image data on its way to a client, in whatever dialect it was asked for: whether it is to be sent,
//! which part of it, and how.

mod conditions;
mod range;

use actix_web::HttpRequest;
use actix_web::body::{BodyStream, BoxBody, MessageBody, SizedStream};
use futures_util::{StreamExt, TryStreamExt, stream};
use glance_store::data::{DataSource, ImageData};
use glance_store::error::StoreError;

use crate::connection;

pub(crate) use conditions::{Validators, Verdict};
pub(crate) use range::{Requested, requested};

/// The data as a body: by the kernel where it can be, else piece by piece. If the data breaks off,
/// so does the connection: a client never takes a part for the whole.
pub(crate) fn body(request: &HttpRequest, request_id: &str, data: ImageData) -> BoxBody {
    let size = data.size;
    if let DataSource::File(file) = &data.source
        && let Some(connection) = connection::handle(request)
    {
        return connection
            .send_file(file.file.clone(), file.offset, file.length)
            .boxed();
    }
    let id = request_id.to_owned();
    let pieces = data
        .into_stream()
        .map_ok(|batch| stream::iter(batch).map(Ok::<_, StoreError>));
    let pieces = pieces.try_flatten().inspect_err(move |error| {
        log::error!("{id}: the data of an image breaks off: {error}");
    });
    match size {
        Some(size) => SizedStream::new(size, pieces).boxed(),
        None => BodyStream::new(pieces).boxed(),
    }
}
