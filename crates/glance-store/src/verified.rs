//! Data that is compared with its checksum on its way out.
//!
//! With the CRC that was noted when the data came, where it was: an MD5 would take as much of the
//! processor as everything else of a download.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::crc::{Crc64, Crc64Stream};
use crate::data::{Batch, BatchStream};
use crate::error::StoreError;
use crate::md5::{Md5Pool, Md5Stream};

/// Passes data on while it is hashed beside, and holds the last batch back until the checksum is
/// known to be right. Otherwise it ends in an error, so the receiver never has the whole of it.
pub(crate) struct Verified {
    source: BatchStream,
    /// Until the end.
    sum: Option<Sum>,
    held: VecDeque<Batch>,
    ended: bool,
}

/// What comes, summed up, and what it must come to.
enum Sum {
    Md5 {
        stream: Md5Stream,
        expected: String,
    },
    Crc {
        stream: Crc64Stream,
        expected: Crc64,
    },
}

impl Sum {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Md5 { stream, .. } => stream.poll_room(cx),
            Self::Crc { .. } => Poll::Ready(()),
        }
    }

    fn feed(&mut self, batch: &Batch) {
        match self {
            // The bytes are shared.
            Self::Md5 { stream, .. } => stream.feed(batch.clone()),
            Self::Crc { stream, .. } => stream.feed(batch),
        }
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Md5 { stream, .. } => stream.poll_settled(cx),
            Self::Crc { .. } => Poll::Ready(()),
        }
    }

    fn agrees(self) -> bool {
        match self {
            Self::Md5 { stream, expected } => stream.finish().to_string() == expected,
            Self::Crc { stream, expected } => stream.finish() == expected,
        }
    }
}

impl Verified {
    /// `source`, whose MD5 must be `expected`: 32 hexadecimal digits.
    pub(crate) fn md5(source: BatchStream, expected: &str, pool: &Md5Pool) -> Self {
        let sum = Sum::Md5 {
            stream: pool.stream(),
            expected: expected.to_ascii_lowercase(),
        };
        Self::new(source, sum)
    }

    /// `source`, whose CRC must be `expected`.
    pub(crate) fn crc(source: BatchStream, expected: Crc64) -> Self {
        let stream = Crc64Stream::new();
        Self::new(source, Sum::Crc { stream, expected })
    }

    fn new(source: BatchStream, sum: Sum) -> Self {
        Self {
            source,
            sum: Some(sum),
            held: VecDeque::new(),
            ended: false,
        }
    }

    fn fail(&mut self, error: StoreError) -> Poll<Option<Result<Batch, StoreError>>> {
        self.sum = None;
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
            let Some(sum) = &mut this.sum else {
                return Poll::Ready(this.held.pop_front().map(Ok));
            };
            if !this.ended {
                ready!(sum.poll_room(cx));
                match ready!(this.source.as_mut().poll_next(cx)) {
                    Some(Ok(batch)) => {
                        sum.feed(&batch);
                        this.held.push_back(batch);
                        continue;
                    }
                    Some(Err(error)) => return this.fail(error),
                    None => this.ended = true,
                }
            }
            let Some(sum) = this.sum.take_if(|sum| sum.poll_settled(cx).is_ready()) else {
                return Poll::Pending;
            };
            if !sum.agrees() {
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

    /// What comes of the data, and whether it fails: held to an MD5 or to a CRC.
    async fn run(data: &[u8], pieces: usize, expected: &str) -> (Vec<u8>, bool) {
        let batches: Vec<_> = data
            .chunks(pieces)
            .map(|piece| Ok(vec![Bytes::copy_from_slice(piece)]))
            .collect();
        let source = Box::pin(stream::iter(batches));
        let mut verified = match expected.parse() {
            Ok(crc) => Verified::crc(source, crc),
            Err(_) => Verified::md5(source, expected, &Md5Pool::new()),
        };
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
            assert_eq!(run(&data, pieces, &md5).await, (data.clone(), false));
            let mut crc = Crc64Stream::new();
            crc.feed(&[Bytes::from(data.clone())]);
            let crc = crc.finish().to_string();
            assert_eq!(run(&data, pieces, &crc).await, (data, false));
        }
    }

    #[tokio::test]
    async fn never_gives_the_whole_of_what_is_wrong() {
        for (pieces, digits) in [(7_000, 32), (100_000, 32), (7_000, 16), (100_000, 16)] {
            let (got, failed) = run(&vec![3; 100_000], pieces, &"0".repeat(digits)).await;
            assert!(failed && got.len() < 100_000, "{}", got.len());
        }
    }
}
