//! Cuts a stream of image data into parts, and sends several of them at the same time.
//!
//! For stores that keep large data in parts. A part is in memory until it is sent, so that it can be
//! sent again; how many there are at a time is bounded for each upload and for all of them together.

use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::data::{Batch, BatchStream};
use crate::error::{DataError, StoreError};
use crate::growing::{self, Coming};
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

    /// The next part, `length` bytes unless it is the last one. Of no data there is one empty part.
    /// None when the last one is taken.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self, length: u64) -> Result<Option<Part>, StoreError> {
        // A full part waits for one byte more, to know whether it is the last one.
        self.exceed(length).await?;
        if self.waiting.length() == 0 && self.taken > 0 {
            return Ok(None);
        }
        self.taken += 1;
        let length = length.min(self.waiting.length());
        Ok(Some(Part {
            number: self.taken,
            pieces: self.waiting.take(length),
            length,
            last: self.ended && self.waiting.length() == 0,
        }))
    }

    /// The next bytes, `most` at most, as soon as there are any. None when the data has ended.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn some(&mut self, most: u64) -> Result<Option<Batch>, StoreError> {
        self.exceed(0).await?;
        let some = self.waiting.take(most);
        Ok((!some.is_empty()).then_some(some))
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

/// How many parts may be on their way.
#[derive(Clone, Debug)]
pub(crate) struct Parallel {
    /// Of one upload.
    each: usize,
    /// Of all uploads, besides one for each: what they weigh.
    all: Arc<Semaphore>,
    /// Bytes of the smallest weight.
    unit: u64,
}

/// Parts are weighed in mebibytes.
const MEBIBYTE: u64 = 1 << 20;

impl Parallel {
    /// At most `each` of one upload, and `all` of all of them besides one for each.
    pub(crate) fn new(each: usize, all: usize) -> Self {
        Self {
            each: each.max(1),
            all: Arc::new(Semaphore::new(all)),
            unit: u64::MAX,
        }
    }

    /// At most `each` of one upload, and `memory` bytes of all of them besides one for each.
    pub(crate) fn weighed(each: usize, memory: u64) -> Self {
        let units = usize::try_from(memory / MEBIBYTE).unwrap_or(usize::MAX);
        Self {
            unit: MEBIBYTE,
            ..Self::new(each, units.min(Semaphore::MAX_PERMITS))
        }
    }

    /// Leave for one more part of `length` bytes, if there is.
    fn permit(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        let weight = u32::try_from(length.div_ceil(self.unit).max(1)).unwrap_or(u32::MAX);
        self.all.clone().try_acquire_many_owned(weight).ok()
    }

    /// Sends `size` bytes in parts while they come: `long` bytes each as far as there is leave for
    /// them, else one of `short` bytes at a time. Gives what came of them in their order. The first
    /// error ends it: what is on its way is dropped.
    pub(crate) async fn flow<T, F>(
        &self,
        mut parts: Parts,
        size: u64,
        (short, long): (u64, u64),
        send: impl Fn(Coming) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let numbered = |part: Coming, permit: Option<OwnedSemaphorePermit>| {
            let number = part.number;
            let sending = send(part);
            async move {
                let outcome = sending.await;
                drop(permit);
                (number, outcome)
            }
        };
        let mut results: Vec<(u32, T)> = Vec::new();
        let mut running = FuturesUnordered::new();
        let (mut number, mut rest) = (0, size);
        while rest > 0 {
            let permit = match running.len() < self.each {
                true => self.permit(long.min(rest)),
                false => None,
            };
            let length = match permit {
                Some(_) => long.min(rest),
                None => short.min(rest),
            };
            if permit.is_none()
                && let Some((number, outcome)) = running.next().await
            {
                results.push((number, outcome?));
                continue;
            }
            number += 1;
            rest -= length;
            let (mut growing, coming) = growing::part(number, length);
            running.push(numbered(coming, permit));
            while growing.missing() > 0 {
                tokio::select! {
                    Some((number, outcome)) = running.next(), if !running.is_empty() => {
                        results.push((number, outcome?));
                    }
                    batch = parts.some(growing.missing()) => {
                        growing.add(batch?.ok_or(DataError::Disconnected)?);
                    }
                }
            }
            growing.end();
        }
        // Only now it is known how the data ends.
        if parts.some(1).await?.is_some() {
            let received = size + 1;
            return Err(DataError::WrongSize {
                declared: size,
                received,
            }
            .into());
        }
        while let Some((number, outcome)) = running.next().await {
            results.push((number, outcome?));
        }
        results.sort_unstable_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Sends `first` and all parts that follow it, each `length(number)` bytes, and gives what came
    /// of them in their order. The first error ends it: what is on its way is dropped.
    pub(crate) async fn send<T, F>(
        &self,
        first: Part,
        parts: &mut Parts,
        length: impl Fn(u32) -> u64,
        send: impl Fn(Part) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let numbered = |part: Part, permit: Option<OwnedSemaphorePermit>| {
            let number = part.number;
            let sending = send(part);
            async move {
                let outcome = sending.await;
                drop(permit);
                (number, outcome)
            }
        };
        let mut results: Vec<(u32, T)> = Vec::new();
        let mut more = !first.last;
        let mut next = first.number + 1;
        let mut running = FuturesUnordered::new();
        running.push(numbered(first, None));
        while more || !running.is_empty() {
            let permit = match running.len() {
                0 => None,
                _ => self.permit(length(next)),
            };
            let room = running.is_empty() || (running.len() < self.each && permit.is_some());
            tokio::select! {
                Some((number, outcome)) = running.next(), if !running.is_empty() => {
                    results.push((number, outcome?));
                }
                part = parts.next(length(next)), if more && room => {
                    match part? {
                        Some(part) => {
                            more = !part.last;
                            next += 1;
                            running.push(numbered(part, permit));
                        }
                        None => more = false,
                    }
                }
            }
        }
        results.sort_unstable_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    fn source(sizes: &[usize]) -> BatchStream {
        let batches: Vec<_> = sizes
            .iter()
            .map(|size| Ok(vec![Bytes::from(vec![7; *size]), Bytes::new()]))
            .collect();
        Box::pin(stream::iter(batches))
    }

    async fn lengths(sizes: &[usize], length: u64) -> Vec<(u64, bool)> {
        let mut parts = Parts::new(source(sizes));
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

    #[tokio::test]
    async fn keeps_the_order_and_the_bound() {
        let running = std::sync::atomic::AtomicUsize::new(0);
        let most = std::sync::atomic::AtomicUsize::new(0);
        let mut parts = Parts::new(source(&[95]));
        let first = parts.next(10).await.unwrap().unwrap();
        let sent = Parallel::new(3, 100)
            .send(
                first,
                &mut parts,
                |_| 10,
                |part| {
                    let (running, most) = (&running, &most);
                    async move {
                        use std::sync::atomic::Ordering::SeqCst;
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        let late = u64::from(part.number % 3) * 5;
                        tokio::time::sleep(Duration::from_millis(late)).await;
                        running.fetch_sub(1, SeqCst);
                        Ok((part.number, part.length))
                    }
                },
            )
            .await
            .unwrap();
        let expected: Vec<_> = (1..=10)
            .map(|n| (n, if n == 10 { 5 } else { 10 }))
            .collect();
        assert_eq!(sent, expected);
        assert_eq!(most.into_inner(), 3);
    }

    /// The lengths of what 95 bytes are sent as, and how many were on their way at the same time.
    async fn flown(each: usize, units: usize) -> (Vec<u64>, usize) {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let parallel = Parallel::new(each, units);
        let parts = Parts::new(source(&[3, 30, 62]));
        let sent = parallel.flow(parts, 95, (10, 40), |part| {
            let (running, most) = (&running, &most);
            async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                let whole = part.whole().await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, SeqCst);
                assert_eq!(whole.concat().len() as u64, part.length);
                Ok(part.length)
            }
        });
        (sent.await.unwrap(), most.into_inner())
    }

    #[tokio::test]
    async fn parts_that_come_are_long_where_there_is_leave() {
        assert_eq!(flown(3, 2).await, (vec![40, 40, 15], 2));
        assert_eq!(flown(3, 100).await, (vec![40, 40, 15], 3));
        assert_eq!(flown(1, 100).await, (vec![40, 40, 15], 1));
        let (lengths, most) = flown(3, 0).await;
        assert_eq!((lengths.len(), most), (10, 1));
        assert_eq!(lengths[9], 5);
    }

    #[tokio::test]
    async fn parts_that_come_end_with_the_first_error_of_either_side() {
        let failing = || {
            let data = source(&[30]).chain(stream::iter([Err(DataError::Disconnected.into())]));
            Parts::new(Box::pin(data))
        };
        let parallel = Parallel::new(2, 1);
        for size in [30, 50] {
            let sent = parallel.flow(failing(), size, (10, 20), |part| async move {
                part.whole().await?;
                Ok(part.number)
            });
            assert!(matches!(
                sent.await,
                Err(StoreError::Data(DataError::Disconnected))
            ));
        }
        let sent = parallel.flow(failing(), 50, (10, 20), |_| async {
            Err::<(), _>(StoreError::Full)
        });
        assert!(matches!(sent.await, Err(StoreError::Full)));
        let longer = Parts::new(source(&[30]));
        let sent = parallel.flow(longer, 29, (10, 20), |_| async { Ok(()) });
        assert!(matches!(
            sent.await,
            Err(StoreError::Data(DataError::WrongSize { .. }))
        ));
    }

    #[tokio::test]
    async fn ends_with_the_first_error_of_either_side() {
        let failing = source(&[30]).chain(stream::iter([Err(DataError::Disconnected.into())]));
        let mut parts = Parts::new(Box::pin(failing));
        let first = parts.next(10).await.unwrap().unwrap();
        let parallel = Parallel::new(2, 1);
        let sent = parallel.send(
            first,
            &mut parts,
            |_| 10,
            |part| async move { Ok(part.number) },
        );
        assert!(matches!(
            sent.await,
            Err(StoreError::Data(DataError::Disconnected))
        ));

        let mut parts = Parts::new(source(&[30]));
        let first = parts.next(10).await.unwrap().unwrap();
        let sent = parallel.send(
            first,
            &mut parts,
            |_| 10,
            |part| async move {
                if part.number == 2 {
                    Err(StoreError::Full)
                } else {
                    Ok(())
                }
            },
        );
        assert!(matches!(sent.await, Err(StoreError::Full)));
    }
}
