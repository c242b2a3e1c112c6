//! Request bodies: a payload, which belongs to its reactor thread, becomes image data, which may go
//! anywhere; or a small JSON document.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream;
use glance_core::fault::Fault;
use glance_store::data::{Batch, ImageData};
use glance_store::error::{DataError, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::connection::{self, BodyFault, BodyLength, Handle};
use crate::metrics::METRICS;

/// What all uploads together may have in batches that are being filled: each gets an equal share,
/// within [`BATCH`]. A batch costs both of its threads a wakeup, so few uploads pass large ones; where
/// there are many, one wakeup finds the work of several.
const FILLING: usize = 2 * 1024 * 1024;
const BATCH: RangeInclusive<usize> = 64 * 1024..=512 * 1024;

/// Batches on their way, besides one being filled and those that the store has taken. Memory per
/// upload is a few batches, however large the image is.
const DEPTH: usize = 1;

/// The most that a JSON document may have.
const LONGEST_DOCUMENT: usize = 1024 * 1024;

/// How long the body of `request` is said to be.
pub(crate) fn length(request: &HttpRequest) -> BodyLength {
    if let Some(head) = connection::head(request) {
        return head.body();
    }
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|text| text.parse().ok()) {
        Some(0) | None => BodyLength::Empty,
        Some(length) => BodyLength::Known(length),
    }
}

/// The body of `request` as image data.
///
/// Nothing is read before the data is, so a client that waits for `100 Continue` does not send what
/// nobody wants. If the client goes away or falls silent, the data ends in an error; if the data is
/// dropped, so is the body.
pub(crate) fn image_data(request: &HttpRequest, payload: Payload) -> ImageData {
    let size = match length(request) {
        BodyLength::Known(length) => Some(length),
        BodyLength::Empty | BodyLength::Chunked => None,
    };
    let (wanted, starts) = oneshot::channel::<()>();
    let (batches, receiver) = mpsc::channel(DEPTH);
    let connection = connection::handle(request);
    actix_web::rt::spawn(async move {
        if starts.await.is_ok() {
            pump(payload, connection, batches).await;
        }
    });
    let batches = stream::unfold((Some(wanted), receiver), |(wanted, mut receiver)| async {
        if let Some(wanted) = wanted {
            // If the pump is gone, its end of the channel says so.
            let _ = wanted.send(());
        }
        receiver.recv().await.map(|batch| (batch, (None, receiver)))
    });
    ImageData::from_stream(size, batches)
}

async fn pump(
    mut payload: Payload,
    connection: Option<Handle>,
    batches: mpsc::Sender<Result<Batch, StoreError>>,
) {
    let _upload = METRICS.uploads.enter();
    let mut batch = Batch::new();
    let mut filled = 0;
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = payload.next() => chunk,
            () = batches.closed() => return,
        };
        match chunk {
            Some(Ok(chunk)) => {
                METRICS.received.add(chunk.len() as u64);
                filled += connection::weight(&chunk);
                batch.push(chunk);
            }
            Some(Err(error)) => {
                log::debug!("a request body breaks off: {error}");
                let _ = batches
                    .send(Err(broken_off(connection.as_ref()).into()))
                    .await;
                return;
            }
            None => {
                if filled > 0 {
                    let _ = batches.send(Ok(batch)).await;
                }
                return;
            }
        }
        if filled >= batch_size() {
            if batches.send(Ok(std::mem::take(&mut batch))).await.is_err() {
                return;
            }
            filled = 0;
        }
    }
}

fn batch_size() -> usize {
    let uploads = usize::try_from(METRICS.uploads.get()).unwrap_or_default();
    (FILLING / uploads.max(1)).clamp(*BATCH.start(), *BATCH.end())
}

fn broken_off(connection: Option<&Handle>) -> DataError {
    match connection.and_then(Handle::body_fault) {
        Some(BodyFault::TimedOut) => DataError::TimedOut,
        Some(BodyFault::Disconnected | BodyFault::BadChunk) | None => DataError::Disconnected,
    }
}

/// The body of `request` as JSON, none if it has none. Glance does not look at its Content-Type.
pub(crate) async fn json(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Option<serde_json::Value>, Fault> {
    let Some(document) = document(request, payload).await? else {
        return Ok(None);
    };
    let value: serde_json::Value = serde_json::from_slice(&document)
        .map_err(|_| Fault::explained(400, "Malformed JSON in request body."))?;
    if value.is_object() || value.is_array() {
        return Ok(Some(value));
    }
    Err(Fault::explained(
        400,
        "Unexpected body type. Expected list/dict.",
    ))
}

/// The body of `request`, which is to be a small document; none if it has none. 413 if it is none.
pub(crate) async fn document(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Option<Bytes>, Fault> {
    let too_long = || {
        Fault::explained(
            413,
            format!("The request body is larger than {LONGEST_DOCUMENT} bytes."),
        )
    };
    match length(request) {
        BodyLength::Empty => return Ok(None),
        BodyLength::Known(length) if length > LONGEST_DOCUMENT as u64 => return Err(too_long()),
        BodyLength::Known(_) | BodyLength::Chunked => {}
    }
    let mut document = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk: Bytes = chunk.map_err(|_| Fault::bare(400))?;
        if document.len() + chunk.len() > LONGEST_DOCUMENT {
            return Err(too_long());
        }
        document.extend_from_slice(&chunk);
    }
    Ok(Some(document.freeze()))
}
