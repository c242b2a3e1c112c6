//! Data that is as long as was announced, or ends in an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::{StreamExt, stream};

use crate::data::BatchStream;
use crate::error::{DataError, StoreError};

/// `source` of exactly `size` bytes, if that is known. `ended` is set before a good end is told.
pub(crate) fn measured(
    source: BatchStream,
    size: Option<u64>,
    ended: Arc<AtomicBool>,
) -> BatchStream {
    let state = Some((source, 0_u64));
    Box::pin(stream::unfold(state, move |state| {
        let ended = ended.clone();
        async move {
            let (mut source, received) = state?;
            let wrong = |received| match size {
                Some(declared) => StoreError::from(DataError::WrongSize { declared, received }),
                None => DataError::Disconnected.into(),
            };
            match source.next().await {
                Some(Ok(batch)) => {
                    let length: u64 = batch.iter().map(|piece| piece.len() as u64).sum();
                    let received = received + length;
                    if size.is_some_and(|size| received > size) {
                        return Some((Err(wrong(received)), None));
                    }
                    Some((Ok(batch), Some((source, received))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                None if size.is_some_and(|size| received < size) => {
                    Some((Err(wrong(received)), None))
                }
                None => {
                    ended.store(true, Relaxed);
                    None
                }
            }
        }
    }))
}
