//! Counts, hashes and limits a stream as it passes on its way to a store.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::crc::{Crc64, Crc64Stream};
use crate::data::{Batch, BatchStream};
use crate::error::{DataError, StoreError};
use crate::md5::{Md5Digest, Md5Pool, Md5Stream};

/// What a stream must not exceed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Exactly so many bytes must come.
    pub(crate) declared: Option<u64>,
    /// No more bytes than this may come.
    pub(crate) cap: Option<u64>,
}

/// What came, known before the stream's end is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    pub(crate) size: u64,
    pub(crate) md5: Md5Digest,
    /// Where it was asked for.
    pub(crate) crc: Option<Crc64>,
}

/// A stream that passes batches on as they are.
///
/// The first byte too many ends it in an error; so does an end before the declared size. It ends
/// well only when everything is hashed, so a store that waits for the end before it publishes
/// publishes nothing whose total is unknown.
pub(crate) struct Tally {
    source: BatchStream,
    /// Until the end, good or bad.
    hash: Option<Md5Stream>,
    crc: Option<Crc64Stream>,
    ended: bool,
    limits: Limits,
    received: u64,
    total: Arc<OnceLock<Total>>,
}

impl Tally {
    /// The stream, and where its total will be found once it has ended well. `crc`: with a CRC, too.
    pub(crate) fn new(
        source: BatchStream,
        limits: Limits,
        pool: &Md5Pool,
        crc: bool,
    ) -> (Self, Arc<OnceLock<Total>>) {
        let total = Arc::new(OnceLock::new());
        let hash = Some(pool.stream());
        let there = Arc::clone(&total);
        (
            Self {
                source,
                hash,
                crc: crc.then(Crc64Stream::new),
                ended: false,
                limits,
                received: 0,
                total,
            },
            there,
        )
    }

    fn count(&mut self, batch: &[Bytes]) -> Result<(), DataError> {
        let length: u64 = batch.iter().map(|piece| piece.len() as u64).sum();
        self.received = self.received.saturating_add(length);
        if let Some(cap) = self.limits.cap
            && self.received > cap
        {
            return Err(DataError::TooLarge(cap));
        }
        match self.limits.declared {
            Some(declared) if self.received > declared => Err(self.wrong_size(declared)),
            _ => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), DataError> {
        match self.limits.declared {
            Some(declared) if self.received < declared => Err(self.wrong_size(declared)),
            _ => Ok(()),
        }
    }

    fn wrong_size(&self, declared: u64) -> DataError {
        DataError::WrongSize {
            declared,
            received: self.received,
        }
    }

    fn fail(&mut self, error: StoreError) -> Poll<Option<Result<Batch, StoreError>>> {
        self.hash = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for Tally {
    type Item = Result<Batch, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(hash) = &mut this.hash else {
            return Poll::Ready(None);
        };
        if !this.ended {
            ready!(hash.poll_room(cx));
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(Ok(batch)) => {
                    // The bytes are shared, and held until they are hashed: three batches at most.
                    hash.feed(batch.clone());
                    if let Some(crc) = &mut this.crc {
                        crc.feed(&batch);
                    }
                    return match this.count(&batch) {
                        Ok(()) => Poll::Ready(Some(Ok(batch))),
                        Err(error) => this.fail(error.into()),
                    };
                }
                Some(Err(error)) => return this.fail(error),
                None => {}
            }
            if let Err(error) = this.check_end() {
                return this.fail(error.into());
            }
            this.ended = true;
        }
        let Some(hash) = this.hash.take_if(|hash| hash.poll_settled(cx).is_ready()) else {
            return Poll::Pending;
        };
        // Only ever set here, once: the hash is gone now.
        let _ = this.total.set(Total {
            size: this.received,
            md5: hash.finish(),
            crc: this.crc.as_ref().map(Crc64Stream::finish),
        });
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::conformance::batches;

    const UNLIMITED: Limits = Limits {
        declared: None,
        cap: None,
    };

    async fn run(limits: Limits, sizes: &[usize]) -> (usize, Option<StoreError>, Option<Total>) {
        let (mut tally, total) = Tally::new(batches(sizes), limits, &Md5Pool::new(), true);
        let mut passed = 0;
        let mut error = None;
        while let Some(item) = tally.next().await {
            match item {
                Ok(batch) => passed += batch.iter().map(Bytes::len).sum::<usize>(),
                Err(failure) => error = Some(failure),
            }
        }
        (passed, error, total.get().copied())
    }

    #[tokio::test]
    async fn counts_and_hashes_what_passes() {
        let (passed, error, total) = run(UNLIMITED, &[1, 0, 63, 1_000_000, 5]).await;
        assert!(error.is_none());
        let total = total.unwrap();
        assert_eq!((passed as u64, total.size), (1_000_069, 1_000_069));
        let expected = ::md5::compute(vec![7_u8; 1_000_069]);
        assert_eq!(total.md5.0, expected.0);
    }

    #[tokio::test]
    async fn the_md5_of_nothing_is_known_too() {
        let (_, _, total) = run(UNLIMITED, &[]).await;
        assert_eq!(
            total.unwrap().md5.to_string(),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
    }

    #[tokio::test]
    async fn refuses_the_first_byte_over_the_cap() {
        let limits = Limits {
            declared: None,
            cap: Some(10),
        };
        assert!(run(limits, &[10]).await.2.is_some());
        let (passed, error, total) = run(limits, &[10, 1, 5]).await;
        assert_eq!(passed, 10);
        assert!(matches!(
            error,
            Some(StoreError::Data(DataError::TooLarge(10)))
        ));
        assert!(total.is_none());
    }

    #[tokio::test]
    async fn refuses_other_sizes_than_declared() {
        let limits = Limits {
            declared: Some(10),
            cap: None,
        };
        assert!(run(limits, &[9, 1]).await.2.is_some());
        for (sizes, received) in [(vec![9], 9), (vec![9, 2, 5], 11)] {
            let (_, error, total) = run(limits, &sizes).await;
            let expected = DataError::WrongSize {
                declared: 10,
                received,
            };
            assert!(matches!(error, Some(StoreError::Data(error)) if error == expected));
            assert!(total.is_none());
        }
    }

    #[tokio::test]
    async fn passes_the_sources_error_on_and_ends() {
        let source = stream::iter([Err(DataError::Disconnected.into()), Ok(vec![])]);
        let (tally, total) = Tally::new(Box::pin(source), UNLIMITED, &Md5Pool::new(), false);
        let items: Vec<_> = tally.collect().await;
        assert!(matches!(
            items[..],
            [Err(StoreError::Data(DataError::Disconnected))]
        ));
        assert!(total.get().is_none());
    }
}
