//! Large data read in windows, several of which are on their way before they are wanted.
//!
//! A server that is asked for one thing at a time is idle while its answer travels, and one of its
//! processes does all the work. Windows are given in order; those that wait are held in memory, under
//! one bound for all readers.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::data::{Batch, BatchStream};
use crate::error::{DataError, StoreError};
use crate::store::ByteRange;

/// Bytes of a window. Each is a request of its own, and costs the server what a request costs (Swift
/// reads the manifest of a large object again).
const WINDOW: u64 = 8 << 20;

/// Windows of one reader that may be on their way or wait, besides the one that is read.
const EACH: usize = 5;

/// The same of all readers of a store: 48 MiB.
const ALL: usize = 6;

/// Batches of the window that is read which wait for their reader.
const WAITING: usize = 2;

/// Leave to read ahead, for all readers of a store. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    leave: Arc<Semaphore>,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            leave: Arc::new(Semaphore::new(ALL)),
        }
    }
}

impl Ahead {
    /// The part of `whole` with which reading begins.
    pub(crate) fn first(whole: ByteRange) -> ByteRange {
        ByteRange {
            length: whole.length.min(WINDOW),
            ..whole
        }
    }

    /// What a reader begins with who does not know how much there is.
    pub(crate) fn beginning() -> ByteRange {
        Self::first(ByteRange {
            offset: 0,
            length: u64::MAX,
        })
    }

    /// The data of `whole`, of which `first` is the [first part](Self::first); `open` is asked for
    /// the others, and sees to it that they are of the same data and as long as they must be.
    ///
    /// Memory: six windows of 8 MiB as long as there is leave for that, else what one connection
    /// reads ahead. Dropping it ends what is on its way.
    pub(crate) fn read<R, F>(&self, first: BatchStream, whole: ByteRange, open: R) -> BatchStream
    where
        R: Fn(ByteRange) -> F + Send + Sync + 'static,
        F: Future<Output = Result<BatchStream, StoreError>> + Send + 'static,
    {
        let begun = Self::first(whole).length;
        if begun == whole.length {
            return first;
        }
        let mut reader = Reader {
            ahead: self.clone(),
            rest: ByteRange {
                offset: whole.offset + begun,
                length: whole.length - begun,
            },
            windows: VecDeque::new(),
            open,
        };
        let first = std::future::ready(Ok(first));
        reader.windows.push_back(Window::begin(first, None));
        Box::pin(stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            match reader.next_batch().await {
                Ok(Some(batch)) => Some((Ok(batch), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

/// What `Content-Range` says: a part, and of how many bytes it is one. None if that makes no sense.
pub(crate) fn part_of(text: &str) -> Option<(ByteRange, u64)> {
    let (part, of) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let of = of.parse().ok()?;
    let range = ByteRange {
        offset: first,
        length: last.checked_sub(first)?.checked_add(1)?,
    };
    (last < of).then_some((range, of))
}

struct Reader<R> {
    ahead: Ahead,
    /// What no window is open for.
    rest: ByteRange,
    /// The one that is read, and those after it.
    windows: VecDeque<Window>,
    open: R,
}

impl<R, F> Reader<R>
where
    R: Fn(ByteRange) -> F,
    F: Future<Output = Result<BatchStream, StoreError>> + Send + 'static,
{
    async fn next_batch(&mut self) -> Result<Option<Batch>, StoreError> {
        loop {
            self.look_ahead();
            let Some(window) = self.windows.front_mut() else {
                return Ok(None);
            };
            match window.next_batch().await? {
                Some(batch) => return Ok(Some(batch)),
                None => drop(self.windows.pop_front()),
            }
        }
    }

    /// Opens as many windows as there is leave for, and one if there is none to read.
    fn look_ahead(&mut self) {
        while self.rest.length > 0 && self.windows.len() <= EACH {
            let permit = self.ahead.leave.clone().try_acquire_owned().ok();
            if permit.is_none() && !self.windows.is_empty() {
                return;
            }
            let range = Ahead::first(self.rest);
            self.rest.offset += range.length;
            self.rest.length -= range.length;
            let window = Window::begin((self.open)(range), permit);
            self.windows.push_back(window);
        }
    }
}

/// A part on its way, in a task of its own.
struct Window {
    batches: mpsc::Receiver<Result<Batch, StoreError>>,
    /// Ends with it.
    task: JoinSet<()>,
    /// Leave to wait as a whole.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Window {
    fn begin(
        opening: impl Future<Output = Result<BatchStream, StoreError>> + Send + 'static,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        // A channel takes room for what is in it only.
        let waiting = match permit {
            Some(_) => Semaphore::MAX_PERMITS,
            None => WAITING,
        };
        let (sender, batches) = mpsc::channel(waiting);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut data = match opening.await {
                Ok(data) => data,
                Err(error) => return drop(sender.send(Err(error)).await),
            };
            while let Some(batch) = data.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Self {
            batches,
            task,
            _permit: permit,
        }
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>, StoreError> {
        if let Some(batch) = self.batches.recv().await {
            return batch.map(Some);
        }
        // A task that did not come to its end has not said all.
        match self.task.join_next().await {
            Some(Err(_)) => Err(DataError::Disconnected.into()),
            Some(Ok(())) | None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures_util::TryStreamExt;

    use super::*;

    const LENGTH: u64 = 5 * WINDOW + 3;

    fn part(range: ByteRange) -> BatchStream {
        let bytes: Vec<u8> = (range.offset..range.offset + range.length)
            .map(|at| (at % 251) as u8)
            .collect();
        let pieces: Vec<_> = bytes
            .chunks(1 << 20)
            .map(|piece| Ok(vec![Bytes::copy_from_slice(piece)]))
            .collect();
        Box::pin(stream::iter(pieces))
    }

    fn whole() -> ByteRange {
        ByteRange {
            offset: 7,
            length: LENGTH,
        }
    }

    async fn collect(stream: BatchStream) -> Result<Vec<u8>, StoreError> {
        let batches: Vec<Batch> = stream.try_collect().await?;
        Ok(batches.concat().concat())
    }

    #[test]
    fn a_part_says_what_it_is_of() {
        let range = |offset, length| ByteRange { offset, length };
        assert_eq!(part_of("bytes 0-9/100"), Some((range(0, 10), 100)));
        assert_eq!(part_of("bytes 99-99/100"), Some((range(99, 1), 100)));
        for wrong in [
            "bytes 0-9/*",
            "bytes 9-8/10",
            "bytes 0-10/10",
            "0-9/10",
            "bytes */10",
        ] {
            assert_eq!(part_of(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn windows_come_in_order_whatever_leave_there_is() {
        for leave in [0, 1, ALL] {
            let ahead = Ahead {
                leave: Arc::new(Semaphore::new(leave)),
            };
            let data = ahead.read(part(Ahead::first(whole())), whole(), |range| async move {
                // Later ones are quicker.
                let late = (LENGTH - range.offset.min(LENGTH)) / WINDOW;
                tokio::time::sleep(std::time::Duration::from_millis(late)).await;
                Ok(part(range))
            });
            assert!(collect(data).await.unwrap() == collect(part(whole())).await.unwrap());
            assert_eq!(ahead.leave.available_permits(), leave);
        }
    }

    #[tokio::test]
    async fn nothing_is_asked_for_that_is_small() {
        let small = ByteRange {
            offset: 1,
            length: WINDOW,
        };
        let data = Ahead::default().read(part(small), small, |_| async { panic!("asked") });
        assert_eq!(collect(data).await.unwrap().len() as u64, WINDOW);
    }

    #[tokio::test]
    async fn a_window_that_fails_or_panics_ends_it() {
        let ahead = Ahead::default();
        for panics in [false, true] {
            let data = ahead.read(
                part(Ahead::first(whole())),
                whole(),
                move |range| async move {
                    assert!(!panics || range.offset < 2 * WINDOW);
                    match range.offset < 2 * WINDOW {
                        true => Ok(part(range)),
                        false => Err(StoreError::NotFound),
                    }
                },
            );
            assert!(collect(data).await.is_err());
        }
        assert_eq!(ahead.leave.available_permits(), ALL);
    }

    #[tokio::test]
    async fn what_nobody_reads_is_not_gone_on_with() {
        let asked = Arc::new(Mutex::new(0));
        let ahead = Ahead::default();
        let counted = asked.clone();
        let mut data = ahead.read(part(Ahead::first(whole())), whole(), move |range| {
            *counted.lock().unwrap() += 1;
            async move { Ok(part(range)) }
        });
        data.next().await.unwrap().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(*asked.lock().unwrap(), EACH);
        assert_eq!(ahead.leave.available_permits(), ALL - EACH);
        drop(data);
        tokio::task::yield_now().await;
        assert_eq!(ahead.leave.available_permits(), ALL);
    }
}
