//! Data that must have a certain length although its store cannot tell it beforehand.

use std::io;

use futures_util::stream::{self, Fuse};
use futures_util::{StreamExt, TryStreamExt};
use glance_store::data::{Batch, BatchStream, ImageData};
use glance_store::error::StoreError;

/// The same data, known to have `size` bytes: with less or more it ends in an error before the last
/// of them is given, so that nobody takes it for the whole.
pub(super) fn exactly(size: u64, data: ImageData) -> ImageData {
    let state = Some((data.into_stream().fuse(), size));
    let batches = stream::unfold(state, |state| async {
        let (mut batches, left) = state?;
        match next(&mut batches, left).await {
            Ok(Some((batch, left))) => Some((Ok(batch), Some((batches, left)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    ImageData::from_stream(Some(size), batches)
}

/// The next batch and what is to come after it. The last one is held until the end is known.
async fn next(
    batches: &mut Fuse<BatchStream>,
    left: u64,
) -> Result<Option<(Batch, u64)>, StoreError> {
    let Some(mut batch) = batches.try_next().await? else {
        return if left == 0 {
            Ok(None)
        } else {
            Err(other_size())
        };
    };
    let mut left = left.checked_sub(length(&batch)).ok_or_else(other_size)?;
    while left == 0 {
        let Some(more) = batches.try_next().await? else {
            break;
        };
        left = left.checked_sub(length(&more)).ok_or_else(other_size)?;
        batch.extend(more);
    }
    Ok(Some((batch, left)))
}

fn length(batch: &Batch) -> u64 {
    batch.iter().map(|piece| piece.len() as u64).sum()
}

fn other_size() -> StoreError {
    let text = "the data is not as long as its image";
    StoreError::Unavailable(io::Error::new(io::ErrorKind::InvalidData, text))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    async fn given(size: u64, pieces: &[usize]) -> (usize, bool) {
        let batches: Vec<Result<Batch, StoreError>> = pieces
            .iter()
            .map(|length| Ok(vec![Bytes::from(vec![1; *length])]))
            .collect();
        // As a store's own streams, this one must not be asked again once it has ended.
        let batches = stream::unfold(batches.into_iter(), |mut batches| async {
            batches.next().map(|batch| (batch, batches))
        });
        let data = exactly(size, ImageData::from_stream(None, batches));
        assert_eq!(data.size, Some(size));
        let items: Vec<_> = data.into_stream().collect().await;
        let bytes = items
            .iter()
            .flatten()
            .map(|batch| length(batch) as usize)
            .sum();
        (bytes, items.iter().all(Result::is_ok))
    }

    #[tokio::test]
    async fn never_gives_the_last_byte_of_what_is_too_long_or_too_short() {
        assert_eq!(given(10, &[4, 6]).await, (10, true));
        assert_eq!(given(10, &[4, 0, 6, 0]).await, (10, true));
        assert_eq!(given(0, &[]).await, (0, true));
        assert_eq!(given(10, &[4, 6, 1]).await, (4, false));
        assert_eq!(given(10, &[4, 7]).await, (4, false));
        assert_eq!(given(10, &[4, 5]).await, (9, false));
        assert_eq!(given(10, &[]).await, (0, false));
    }
}
