//! Data that is compared with its checksum on its way out.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::data::{Batch, BatchStream};
use crate::error::StoreError;
use crate::md5::{Md5Pool, Md5Stream};

/// Passes data on while it is hashed beside, and holds the last batch back until the checksum is
/// known to be right. Otherwise it ends in an error, so the receiver never has the whole of it.
pub(crate) struct Verified {
    source: BatchStream,
    /// Until the end.
    hash: Option<Md5Stream>,
    held: VecDeque<Batch>,
    ended: bool,
    expected: String,
}

impl Verified {
    /// `source`, whose MD5 must be `expected`: 32 hexadecimal digits.
    pub(crate) fn new(source: BatchStream, expected: &str, pool: &Md5Pool) -> Self {
        Self {
            source,
            hash: Some(pool.stream()),
            held: VecDeque::new(),
            ended: false,
            expected: expected.to_ascii_lowercase(),
        }
    }

    fn fail(&mut self, error: StoreError) -> Poll<Option<Result<Batch, StoreError>>> {
        self.hash = None;
        self.ended = true;
        self.held.clear();
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for Verified {
    type Item = Result<Batch, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.held.len() > 1 {
                return Poll::Ready(this.held.pop_front().map(Ok));
            }
            let Some(hash) = &mut this.hash else {
                return Poll::Ready(this.held.pop_front().map(Ok));
            };
            if !this.ended {
                ready!(hash.poll_room(cx));
                match ready!(this.source.as_mut().poll_next(cx)) {
                    Some(Ok(batch)) => {
                        hash.feed(batch.clone());
                        this.held.push_back(batch);
                        continue;
                    }
                    Some(Err(error)) => return this.fail(error),
                    None => this.ended = true,
                }
            }
            let Some(hash) = this.hash.take_if(|hash| hash.poll_settled(cx).is_ready()) else {
                return Poll::Pending;
            };
            if hash.finish().to_string() != this.expected {
                let reason = io::Error::other("the data has another checksum than the image");
                return this.fail(StoreError::Unavailable(reason));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};

    use super::*;

    async fn run(data: &[u8], pieces: usize, expected: &str) -> (Vec<u8>, bool) {
        let batches: Vec<_> = data
            .chunks(pieces)
            .map(|piece| Ok(vec![Bytes::copy_from_slice(piece)]))
            .collect();
        let source = Box::pin(stream::iter(batches));
        let mut verified = Verified::new(source, expected, &Md5Pool::new());
        let (mut got, mut failed) = (Vec::new(), false);
        while let Some(batch) = verified.next().await {
            match batch {
                Ok(batch) => got.extend(batch.concat()),
                Err(_) => failed = true,
            }
        }
        (got, failed)
    }

    #[tokio::test]
    async fn passes_what_is_right() {
        for (data, pieces) in [(vec![3; 100_000], 7_000), (vec![3; 10], 10), (vec![], 1)] {
            let md5 = format!("{:x}", ::md5::compute(&data));
            assert_eq!(run(&data, pieces, &md5).await, (data, false));
        }
    }

    #[tokio::test]
    async fn never_gives_the_whole_of_what_is_wrong() {
        for pieces in [7_000, 100_000] {
            let (got, failed) = run(&vec![3; 100_000], pieces, &"0".repeat(32)).await;
            assert!(failed && got.len() < 100_000, "{}", got.len());
        }
    }
}
