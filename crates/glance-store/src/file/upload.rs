//! An upload into the file store: an asynchronous stream on one side, a blocking writer on the other.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Shared;
use super::writer::Writer;
use crate::data::{Batch, BatchStream, ImageData};
use crate::error::StoreError;
use crate::off_reactor::{OffReactor, blocking, join};

/// How many batches wait for the writer; one more is being written and one is on its way.
const AHEAD: usize = 3;

/// How long a writer keeps its thread while no data comes, so that slow clients hold none.
const IDLE: Duration = Duration::from_millis(100);

/// See [`ImageStore::add`](crate::store::ImageStore::add).
pub(super) async fn add(
    shared: &Arc<Shared>,
    id: &ImageId,
    data: ImageData,
) -> Result<LocationUrl, StoreError> {
    let size = data.size;
    let mut stream = data.into_stream();
    let (for_writer, id) = (Arc::clone(shared), id.clone());
    let mut writer = blocking(move || begin(&for_writer, &id, size).map(OffReactor::new)).await?;

    let mut next = stream.next().await.transpose();
    while let Ok(Some(first)) = next {
        (writer, next) = burst(writer, first, &mut stream).await?;
    }
    if let Err(error) = next {
        // Told only when nothing is left.
        writer.drop_now().await;
        return Err(error);
    }
    // When this future is dropped here, the published file is dropped with the result, and gone.
    let published = blocking(move || writer.into_inner().publish().map(OffReactor::new)).await?;
    Ok(published.into_inner().keep())
}

/// Writes `first` and what follows on one blocking thread, until the stream ends, fails or makes a
/// pause. Hands back the writer and how the stream goes on.
async fn burst(
    writer: OffReactor<Writer>,
    first: Batch,
    stream: &mut BatchStream,
) -> Result<(OffReactor<Writer>, Result<Option<Batch>, StoreError>), StoreError> {
    let (sender, mut receiver) = mpsc::channel::<Batch>(AHEAD);
    let writing = spawn_blocking(move || {
        let mut writer = writer.into_inner();
        while let Some(batch) = receiver.blocking_recv() {
            writer.write(&batch)?;
        }
        Ok(OffReactor::new(writer))
    });
    let mut batch = first;
    let next = loop {
        if sender.send(batch).await.is_err() {
            // The writer has failed and says why below.
            break None;
        }
        match timeout(IDLE, stream.next()).await {
            Ok(Some(Ok(following))) => batch = following,
            Ok(end) => break Some(end.transpose()),
            Err(_) => break None,
        }
    };
    drop(sender);
    let writer = join(writing).await?;
    let next = match next {
        Some(next) => next,
        None => stream.next().await.transpose(),
    };
    Ok((writer, next))
}

/// Opens a file in the first directory, by priority, that has room. Of equal ones the emptier comes
/// first, as in Glance.
fn begin(shared: &Arc<Shared>, id: &ImageId, size: Option<u64>) -> Result<Writer, StoreError> {
    let mut failure = StoreError::Full;
    let mut candidates = Vec::new();
    for (at, datadir) in shared.datadirs.iter().enumerate() {
        match datadir.has(id).and_then(|has| Ok((has, datadir.free()?))) {
            Ok((true, _)) => return Err(StoreError::Duplicate),
            Ok((false, free)) => {
                candidates.push((at, datadir.priority, free.unwrap_or(u64::MAX)));
            }
            // The others may work.
            Err(error) => failure = error,
        }
    }
    // Of an unknown size is all that may be there: one byte, at least.
    let needed = size.unwrap_or(1);
    candidates.retain(|(_, _, free)| *free >= needed);
    candidates.sort_by_key(|(_, priority, free)| Reverse((*priority, *free)));
    for (at, _, _) in candidates {
        match Writer::begin(shared, at, id, size) {
            Ok(writer) => return Ok(writer),
            // Others may have been quicker, or the quota be smaller than the disk.
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
