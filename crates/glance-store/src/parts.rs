//! Cuts a stream of image data into parts.
//!
//! For stores that keep large data in parts. A part is in memory until it is sent, so that it can be
//! sent again; [`Parallel`](crate::parallel::Parallel) bounds how many there are at a time.

use futures_util::StreamExt;

use crate::data::{Batch, BatchStream};
use crate::error::StoreError;
use crate::pieces::Pieces;

/// One part.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Counted from 1.
    pub(crate) number: u32,
    /// Its bytes, in order, shared with whoever sends them.
    pub(crate) pieces: Batch,
    /// How many they are.
    pub(crate) length: u64,
    /// Nothing follows.
    pub(crate) last: bool,
}

/// Data that is taken part by part.
pub(crate) struct Parts {
    source: BatchStream,
    waiting: Pieces,
    ended: bool,
    taken: u32,
}

impl Parts {
    /// The parts of `source`.
    pub(crate) fn new(source: BatchStream) -> Self {
        Self {
            source,
            waiting: Pieces::default(),
            ended: false,
            taken: 0,
        }
    }

    /// The first part, `length` bytes or all if there are fewer. Of no data it is empty.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn first(&mut self, length: u64) -> Result<Part, StoreError> {
        self.exceed(length).await?;
        Ok(self.part(length))
    }

    /// The next part, `length` bytes unless it is the last one. Of no data there is one empty part.
    /// None when the last one is taken.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self, length: u64) -> Result<Option<Part>, StoreError> {
        // A full part waits for one byte more, to know whether it is the last one.
        self.exceed(length).await?;
        let is_over = self.waiting.length() == 0 && self.taken > 0;
        Ok((!is_over).then(|| self.part(length)))
    }

    /// The next bytes, `most` at most, as soon as there are any. None when the data has ended.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn some(&mut self, most: u64) -> Result<Option<Batch>, StoreError> {
        self.exceed(0).await?;
        let some = self.waiting.take(most);
        Ok((!some.is_empty()).then_some(some))
    }

    /// As much of a part as there is.
    fn part(&mut self, length: u64) -> Part {
        self.taken += 1;
        let length = length.min(self.waiting.length());
        Part {
            number: self.taken,
            pieces: self.waiting.take(length),
            length,
            last: self.ended && self.waiting.length() == 0,
        }
    }

    /// Waits until there are more than `length` bytes, or no more come.
    async fn exceed(&mut self, length: u64) -> Result<(), StoreError> {
        while self.waiting.length() <= length && !self.ended {
            match self.source.next().await {
                Some(batch) => {
                    for piece in batch? {
                        self.waiting.add(piece);
                    }
                }
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::conformance::batches;

    async fn lengths(sizes: &[usize], length: u64) -> Vec<(u64, bool)> {
        let mut parts = Parts::new(batches(sizes));
        let mut got = Vec::new();
        while let Some(part) = parts.next(length).await.unwrap() {
            assert_eq!(part.pieces.concat().len() as u64, part.length);
            assert_eq!(part.number as usize, got.len() + 1);
            got.push((part.length, part.last));
        }
        got
    }

    #[tokio::test]
    async fn cuts_where_it_must_and_knows_the_last() {
        assert_eq!(lengths(&[], 10).await, [(0, true)]);
        assert_eq!(lengths(&[10], 10).await, [(10, true)]);
        assert_eq!(lengths(&[3, 0, 7, 1], 10).await, [(10, false), (1, true)]);
        assert_eq!(
            lengths(&[25], 10).await,
            [(10, false), (10, false), (5, true)]
        );
        assert_eq!(lengths(&[10, 10], 10).await, [(10, false), (10, true)]);
    }

    #[tokio::test]
    async fn single_bytes_take_no_more_room_than_others() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let single = bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte]));
        let mut pieces: Vec<Bytes> = single.collect();
        pieces.push(Bytes::from(vec![1; 100_000]));
        pieces.push(Bytes::from_static(b"end"));
        let mut parts = Parts::new(Box::pin(stream::iter([Ok(pieces)])));
        let part = parts.next(1 << 20).await.unwrap().unwrap();
        assert!(part.pieces.len() < 10, "{}", part.pieces.len());
        let expected = [&bytes[..], &[1; 100_000], b"end"].concat();
        assert!(part.pieces.concat() == expected && part.last);
    }
}
