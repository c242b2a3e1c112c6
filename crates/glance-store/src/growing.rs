//! A part of some data that is sent while it still comes, and kept, so that it can be sent again.

use futures_util::stream;
use tokio::sync::watch;

use crate::data::{Batch, BatchStream};
use crate::error::{DataError, StoreError};
use crate::pieces::{Pieces, Place};

/// The end of a part where its bytes come in. Dropped before [`end`](Self::end), it tells all that
/// follow that the rest will not come.
pub(crate) struct Growing {
    missing: u64,
    grown: watch::Sender<Grown>,
}

/// A part that comes. Clones are of the same part.
#[derive(Clone)]
pub(crate) struct Coming {
    /// Counted from 1.
    pub(crate) number: u32,
    /// Bytes, when all are there.
    pub(crate) length: u64,
    grown: watch::Receiver<Grown>,
}

/// What has come so far.
#[derive(Default)]
struct Grown {
    pieces: Pieces,
    ended: bool,
}

/// A part of `length` bytes, none of which is there.
pub(crate) fn part(number: u32, length: u64) -> (Growing, Coming) {
    let (sender, grown) = watch::channel(Grown::default());
    let growing = Growing {
        missing: length,
        grown: sender,
    };
    let coming = Coming {
        number,
        length,
        grown,
    };
    (growing, coming)
}

impl Growing {
    /// Bytes that have not come.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// Takes the next bytes, no more than are missing.
    pub(crate) fn add(&mut self, batch: Batch) {
        let length: u64 = batch.iter().map(|piece| piece.len() as u64).sum();
        self.missing = self.missing.saturating_sub(length);
        self.grown.send_modify(|grown| {
            for piece in batch {
                grown.pieces.add(piece);
            }
        });
    }

    /// All has come.
    pub(crate) fn end(self) {
        self.grown.send_modify(|grown| {
            grown.pieces.close();
            grown.ended = true;
        });
    }
}

impl Coming {
    /// The part from its first byte, as it comes.
    pub(crate) fn follow(&self) -> BatchStream {
        let start = Some((self.grown.clone(), Place::default()));
        Box::pin(stream::unfold(start, |state| async {
            let (mut grown, mut place) = state?;
            loop {
                let (batch, ended) = {
                    let grown = grown.borrow_and_update();
                    (grown.pieces.after(&mut place), grown.ended)
                };
                if !batch.is_empty() {
                    return Some((Ok(batch), Some((grown, place))));
                }
                if ended {
                    return None;
                }
                if grown.changed().await.is_err() {
                    return Some((Err(DataError::Disconnected.into()), None));
                }
            }
        }))
    }

    /// All of it, as soon as it is there.
    pub(crate) async fn whole(&self) -> Result<Batch, StoreError> {
        let mut grown = self.grown.clone();
        let whole = grown.wait_for(|grown| grown.ended).await;
        let whole = whole.map_err(|_| DataError::Disconnected)?;
        Ok(whole.pieces.after(&mut Place::default()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, TryStreamExt};

    use super::*;

    async fn collect(stream: BatchStream) -> Result<Vec<u8>, StoreError> {
        let batches: Vec<Batch> = stream.try_collect().await?;
        Ok(batches.concat().concat())
    }

    #[tokio::test]
    async fn everybody_gets_all_of_it_whenever_he_comes() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| n as u8).collect();
        let (mut growing, coming) = part(1, bytes.len() as u64);
        let early = tokio::spawn(collect(coming.follow()));
        let mut slow = coming.follow();
        let mut got = Vec::new();
        let mut rest = &bytes[..];
        // Single bytes, small and large pieces, in turn.
        for length in [1, 2, 20_000, 3, 70_000, 100, 1000].into_iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(length));
            growing.add(vec![Bytes::copy_from_slice(piece)]);
            rest = after;
            if length != 100 {
                got.extend(slow.next().await.unwrap().unwrap().concat());
            }
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(growing.missing(), 0);
        growing.end();
        got.extend(collect(slow).await.unwrap());
        assert!(got == bytes);
        assert!(early.await.unwrap().unwrap() == bytes);
        assert!(collect(coming.follow()).await.unwrap() == bytes);
        let whole = coming.whole().await.unwrap();
        assert!(whole.concat() == bytes && whole.len() < 40);
    }

    #[tokio::test]
    async fn what_does_not_come_to_its_end_is_an_error_for_everybody() {
        let (mut growing, coming) = part(1, 10);
        growing.add(vec![Bytes::from_static(b"half")]);
        let mut follower = coming.follow();
        assert_eq!(follower.next().await.unwrap().unwrap().concat(), b"half");
        drop(growing);
        assert!(follower.next().await.unwrap().is_err());
        assert!(collect(coming.follow()).await.is_err());
        assert!(coming.whole().await.is_err());
    }
}
