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

/// How long parts are that are sent while they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// Without leave, one at a time.
    pub(crate) short: u64,
    /// With leave.
    pub(crate) long: u64,
    /// A part begins when so many of its bytes may be held; the others when those that are on their
    /// way have made room.
    pub(crate) ahead: u64,
}

/// What the parts of one upload may weigh together.
struct Leave<'a> {
    of: &'a Parallel,
    permit: Option<OwnedSemaphorePermit>,
}

impl Leave<'_> {
    /// Bytes that may be held.
    fn room(&self) -> u64 {
        let units = self
            .permit
            .as_ref()
            .map_or(0, |permit| permit.num_permits());
        self.of.unit.saturating_mul(units as u64)
    }

    /// Whether `bytes` may be held, with more leave if that is to be had.
    fn extend(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.room());
        if more == 0 {
            return true;
        }
        let Some(permit) = self.of.permit(more) else {
            return false;
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        true
    }

    /// Gives back what `bytes` do not need.
    fn shrink(&mut self, bytes: u64) {
        let surplus = self.room().saturating_sub(bytes) / self.of.unit;
        if let Some(permit) = &mut self.permit {
            drop(permit.split(usize::try_from(surplus).unwrap_or(usize::MAX)));
        }
    }
}

impl Parallel {
    /// At most `each` of one upload, and `memory` bytes of all of them besides one for each.
    pub(crate) fn weighed(each: usize, memory: u64) -> Self {
        Self::new(each, memory, MEBIBYTE)
    }

    fn new(each: usize, memory: u64, unit: u64) -> Self {
        let units = usize::try_from(memory / unit).unwrap_or(usize::MAX);
        Self {
            each: each.max(1),
            all: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            unit,
        }
    }

    /// Leave for `length` more bytes, if there is.
    fn permit(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        let weight = u32::try_from(length.div_ceil(self.unit).max(1)).unwrap_or(u32::MAX);
        self.all.clone().try_acquire_many_owned(weight).ok()
    }

    /// Sends `size` bytes in parts while they come: long ones as far as there is leave for them, else
    /// a short one at a time. Gives what came of them in their order. The first error ends it: what
    /// is on its way is dropped.
    pub(crate) async fn flow<T, F>(
        &self,
        mut parts: Parts,
        size: u64,
        lengths: Lengths,
        send: impl Fn(Coming) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut running = Running::default();
        let mut leave = Leave {
            of: self,
            permit: None,
        };
        let (mut number, mut rest) = (0, size);
        while rest > 0 {
            let long = lengths.long.min(rest);
            // At the end it may need all of its length, when nothing else is left.
            let begun = running.weight() + long.min(lengths.ahead);
            let may = running.len() < self.each && leave.extend(begun.max(long));
            if !may && running.arrives().await? {
                leave.shrink(running.weight());
                continue;
            }
            let length = match may {
                true => long,
                false => lengths.short.min(rest),
            };
            number += 1;
            rest -= length;
            let (mut growing, coming) = growing::part(number, length);
            running.push(numbered(number, length, send(coming), None), length);
            while growing.missing() > 0 {
                // Those before it and what has come of it.
                let held = running.weight().saturating_sub(growing.missing());
                let room = leave.room().max(length).saturating_sub(held);
                tokio::select! {
                    arrived = running.arrives(), if !running.is_empty() => {
                        arrived?;
                        leave.shrink(running.weight());
                    }
                    batch = parts.some(room.min(growing.missing())), if room > 0 => {
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
        running.push(numbered(first.number, 0, send(first), None), 0);
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
                        running.push(numbered(part.number, 0, send(part), permit), 0);
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
    /// What they weigh together, bytes.
    weight: u64,
    arrived: Vec<(u32, T)>,
}

/// A part that is sent, whose leave ends when that does.
async fn numbered<T>(
    number: u32,
    weight: u64,
    sending: impl Future<Output = Result<T, StoreError>>,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<(u32, u64, T), StoreError> {
    let outcome = sending.await;
    drop(permit);
    outcome.map(|outcome| (number, weight, outcome))
}

impl<N, T> Running<N, T>
where
    N: Future<Output = Result<(u32, u64, T), StoreError>>,
{
    fn len(&self) -> usize {
        self.sending.len()
    }

    fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    /// Bytes of all that are on their way.
    fn weight(&self) -> u64 {
        self.weight
    }

    fn push(&mut self, sending: N, weight: u64) {
        self.sending.push(sending);
        self.weight += weight;
    }

    /// Waits until one of them has arrived. False: there is none.
    ///
    /// Nothing is lost when the future is dropped.
    async fn arrives(&mut self) -> Result<bool, StoreError> {
        let Some(arrived) = self.sending.next().await else {
            return Ok(false);
        };
        let (number, weight, outcome) = arrived?;
        self.weight -= weight;
        self.arrived.push((number, outcome));
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
            weight: 0,
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
        let sent = Parallel::new(3, 1000, 1)
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
    async fn flown(each: usize, memory: u64, ahead: u64) -> (Vec<u64>, usize) {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let parallel = Parallel::new(each, memory, 1);
        let parts = Parts::new(batches(&[3, 30, 62]));
        let lengths = Lengths {
            short: 10,
            long: 40,
            ahead,
        };
        let sent = parallel.flow(parts, 95, lengths, |part| {
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
        let long = vec![40, 40, 15];
        assert_eq!(flown(3, 80, 40).await, (long.clone(), 2));
        assert_eq!(flown(3, 95, 40).await, (long.clone(), 3));
        assert_eq!(flown(1, 95, 40).await, (long.clone(), 1));
        assert_eq!(flown(3, 54, 40).await, (long.clone(), 1));
        let (lengths, most) = flown(3, 4, 40).await;
        assert_eq!((lengths.len(), most), (10, 1));
        assert_eq!(lengths[9], 5);
        // The second begins beside the first, the third beside the second.
        assert_eq!(flown(3, 50, 10).await, (long, 2));
    }

    #[tokio::test]
    async fn a_part_grows_as_those_before_it_make_room() {
        let parallel = Parallel::new(3, 50, 1);
        let (arrival, may_arrive) = tokio::sync::watch::channel(0);
        let seen = std::sync::Mutex::new(Vec::new());
        let lengths = Lengths {
            short: 1,
            long: 40,
            ahead: 10,
        };
        // Byte by byte.
        let parts = Parts::new(batches(&[1; 80]));
        let send = |part: Coming| {
            let mut may_arrive = may_arrive.clone();
            let seen = &seen;
            async move {
                let mut follow = part.follow();
                let mut came = 0;
                while let Some(batch) = follow.next().await {
                    came += batch?.iter().map(bytes::Bytes::len).sum::<usize>();
                    seen.lock().unwrap().push((part.number, came));
                }
                may_arrive
                    .wait_for(|number| *number >= part.number)
                    .await
                    .unwrap();
                Ok(())
            }
        };
        let most = |number| {
            let seen = seen.lock().unwrap();
            seen.iter()
                .filter(|(of, _)| *of == number)
                .map(|(_, came)| *came)
                .max()
        };
        let flow = parallel.flow(parts, 80, lengths, send);
        let mut flow = std::pin::pin!(flow);
        assert!(futures_util::poll!(&mut flow).is_pending());
        for _ in 0..200 {
            assert!(futures_util::poll!(&mut flow).is_pending());
        }
        assert_eq!((most(1), most(2)), (Some(40), Some(10)));
        assert_eq!(parallel.all.available_permits(), 0);
        arrival.send(1).unwrap();
        for _ in 0..200 {
            assert!(futures_util::poll!(&mut flow).is_pending());
        }
        assert_eq!(most(2), Some(40));
        assert_eq!(parallel.all.available_permits(), 10);
        arrival.send(2).unwrap();
        assert_eq!(flow.await.unwrap().len(), 2);
        assert_eq!(parallel.all.available_permits(), 50);
    }

    const LENGTHS: Lengths = Lengths {
        short: 10,
        long: 20,
        ahead: 20,
    };

    #[tokio::test]
    async fn parts_that_come_end_with_the_first_error_of_either_side() {
        let failing = || {
            let data = batches(&[30]).chain(stream::iter([Err(DataError::Disconnected.into())]));
            Parts::new(Box::pin(data))
        };
        let parallel = Parallel::new(2, 20, 1);
        for size in [30, 50] {
            let sent = parallel.flow(failing(), size, LENGTHS, |part| async move {
                part.whole().await?;
                Ok(part.number)
            });
            assert!(matches!(
                sent.await,
                Err(StoreError::Data(DataError::Disconnected))
            ));
        }
        let sent = parallel.flow(failing(), 50, LENGTHS, |_| async {
            Err::<(), _>(StoreError::Full)
        });
        assert!(matches!(sent.await, Err(StoreError::Full)));
        let longer = Parts::new(batches(&[30]));
        let sent = parallel.flow(longer, 29, LENGTHS, |_| async { Ok(()) });
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
        let parallel = Parallel::new(2, 20, 1);
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
