//! Sends several parts of some data at the same time.
//!
//! How many there are at a time is bounded for each upload and for all of them together.

use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{DataError, StoreError};
use crate::growing::{self, Coming};
use crate::parts::{Part, Parts};

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
        let mut running = Running::default();
        let (mut number, mut rest) = (0, size);
        while rest > 0 {
            let permit = match running.len() < self.each {
                true => self.permit(long.min(rest)),
                false => None,
            };
            if permit.is_none() && running.arrives().await? {
                continue;
            }
            let length = match permit {
                Some(_) => long.min(rest),
                None => short.min(rest),
            };
            number += 1;
            rest -= length;
            let (mut growing, coming) = growing::part(number, length);
            running.push(numbered(number, send(coming), permit));
            while growing.missing() > 0 {
                tokio::select! {
                    arrived = running.arrives(), if !running.is_empty() => { arrived?; }
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
        running.all().await
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
        let mut more = !first.last;
        let mut next = first.number + 1;
        let mut running = Running::default();
        running.push(numbered(first.number, send(first), None));
        while more {
            let permit = match running.len() {
                0 => None,
                _ => self.permit(length(next)),
            };
            let room = running.is_empty() || (running.len() < self.each && permit.is_some());
            tokio::select! {
                arrived = running.arrives(), if !running.is_empty() => { arrived?; }
                part = parts.next(length(next)), if room => match part? {
                    Some(part) => {
                        more = !part.last;
                        next += 1;
                        running.push(numbered(part.number, send(part), permit));
                    }
                    None => more = false,
                }
            }
        }
        running.all().await
    }
}

/// Parts of one upload that are on their way, and what came of the others.
struct Running<N, T> {
    sending: FuturesUnordered<N>,
    arrived: Vec<(u32, T)>,
}

/// A part that is sent, whose leave ends when that does.
async fn numbered<T>(
    number: u32,
    sending: impl Future<Output = Result<T, StoreError>>,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<(u32, T), StoreError> {
    let outcome = sending.await;
    drop(permit);
    outcome.map(|outcome| (number, outcome))
}

impl<N, T> Running<N, T>
where
    N: Future<Output = Result<(u32, T), StoreError>>,
{
    fn len(&self) -> usize {
        self.sending.len()
    }

    fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    fn push(&mut self, sending: N) {
        self.sending.push(sending);
    }

    /// Waits until one of them has arrived. False: there is none.
    ///
    /// Nothing is lost when the future is dropped.
    async fn arrives(&mut self) -> Result<bool, StoreError> {
        let Some(arrived) = self.sending.next().await else {
            return Ok(false);
        };
        self.arrived.push(arrived?);
        Ok(true)
    }

    /// Waits for all of them, and gives what came of all parts in their order.
    async fn all(mut self) -> Result<Vec<T>, StoreError> {
        while self.arrives().await? {}
        self.arrived.sort_unstable_by_key(|(number, _)| *number);
        Ok(self
            .arrived
            .into_iter()
            .map(|(_, arrived)| arrived)
            .collect())
    }
}

impl<N, T> Default for Running<N, T> {
    fn default() -> Self {
        Self {
            sending: FuturesUnordered::new(),
            arrived: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;

    use super::*;
    use crate::conformance::batches;

    #[tokio::test]
    async fn keeps_the_order_and_the_bound() {
        let running = std::sync::atomic::AtomicUsize::new(0);
        let most = std::sync::atomic::AtomicUsize::new(0);
        let mut parts = Parts::new(batches(&[95]));
        let first = parts.first(10).await.unwrap();
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
        let parts = Parts::new(batches(&[3, 30, 62]));
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
            let data = batches(&[30]).chain(stream::iter([Err(DataError::Disconnected.into())]));
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
        let longer = Parts::new(batches(&[30]));
        let sent = parallel.flow(longer, 29, (10, 20), |_| async { Ok(()) });
        assert!(matches!(
            sent.await,
            Err(StoreError::Data(DataError::WrongSize { .. }))
        ));
    }

    #[tokio::test]
    async fn ends_with_the_first_error_of_either_side() {
        let failing = batches(&[30]).chain(stream::iter([Err(DataError::Disconnected.into())]));
        let mut parts = Parts::new(Box::pin(failing));
        let first = parts.first(10).await.unwrap();
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

        let mut parts = Parts::new(batches(&[30]));
        let first = parts.first(10).await.unwrap();
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
