//! Image data as the body of a request that is sent while the data comes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::data::{Batch, BatchStream};
use crate::error::{DataError, StoreError};

/// `source`, which ends in an error unless it brings `size` bytes. The first byte too many is not
/// given.
pub(super) fn declared(source: BatchStream, size: Option<u64>) -> BatchStream {
    let Some(size) = size else {
        return source;
    };
    let wrong = move |received| {
        StoreError::Data(DataError::WrongSize {
            declared: size,
            received,
        })
    };
    let counted = stream::unfold(Some((source, 0)), move |state| async move {
        let (mut source, received) = state?;
        match source.next().await {
            Some(Ok(batch)) => {
                let received = received + batch.iter().map(|piece| piece.len() as u64).sum::<u64>();
                if received > size {
                    return Some((Err(wrong(received)), None));
                }
                Some((Ok(batch), Some((source, received))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if received < size => Some((Err(wrong(received)), None)),
            None => None,
        }
    });
    Box::pin(counted)
}

/// Why a body broke off, if the reason was its source.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Option<StoreError>>>);

impl Failure {
    /// The reason, once.
    pub(super) fn take(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: StoreError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// A body of known length. The last batch goes only when its source has ended well, so a server
/// never has the whole of data that turns out wrong. Holds two batches.
pub(super) struct StreamBody {
    /// Nobody else has it: the lock only makes it shareable, as the SDK demands of bodies.
    source: Mutex<Option<BatchStream>>,
    pieces: VecDeque<Bytes>,
    held: Batch,
    left: u64,
    failure: Failure,
    /// Ends when nobody waits for the outcome any more.
    wanted: oneshot::Receiver<Infallible>,
}

impl StreamBody {
    /// `length` bytes of `source`, as long as the other end of `wanted` is held.
    pub(super) fn new(
        source: BatchStream,
        length: u64,
        failure: Failure,
        wanted: oneshot::Receiver<Infallible>,
    ) -> Self {
        Self {
            source: Mutex::new(Some(declared(source, Some(length)))),
            pieces: VecDeque::new(),
            held: Batch::new(),
            left: length,
            failure,
            wanted,
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let broken = |reason| Poll::Ready(Some(Err(io::Error::other(reason))));
        loop {
            if let Some(piece) = this.pieces.pop_front() {
                this.left -= piece.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let place = this
                .source
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            let Some(source) = place else {
                return Poll::Ready(None);
            };
            if Pin::new(&mut this.wanted).poll(cx).is_ready() {
                *place = None;
                this.failure.set(DataError::Cancelled.into());
                return broken("the upload is given up");
            }
            let next = match ready!(source.as_mut().poll_next(cx)) {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => {
                    *place = None;
                    this.failure.set(error);
                    return broken("the source of the data ended early");
                }
                None => {
                    *place = None;
                    Batch::new()
                }
            };
            let ready = std::mem::replace(&mut this.held, next);
            this.pieces
                .extend(ready.into_iter().filter(|piece| !piece.is_empty()));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn source(items: Vec<Result<Batch, StoreError>>) -> BatchStream {
        Box::pin(stream::iter(items))
    }

    fn batch(length: usize) -> Result<Batch, StoreError> {
        Ok(vec![Bytes::from(vec![1; length]), Bytes::new()])
    }

    /// Bytes that went, and whether all went well.
    async fn run(
        items: Vec<Result<Batch, StoreError>>,
        length: u64,
    ) -> (usize, Option<StoreError>) {
        let failure = Failure::default();
        let (_wanted, receiver) = oneshot::channel();
        let mut body = StreamBody::new(source(items), length, failure.clone(), receiver);
        let mut went = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => went += frame.into_data().unwrap().len(),
                Err(_) => return (went, failure.take()),
            }
        }
        (went, None)
    }

    #[tokio::test]
    async fn gives_all_of_it() {
        assert!(matches!(
            run(vec![batch(3), batch(0), batch(4)], 7).await,
            (7, None)
        ));
        assert!(matches!(run(vec![], 0).await, (0, None)));
    }

    #[tokio::test]
    async fn never_gives_the_whole_of_what_is_wrong() {
        let gone = || Err(DataError::Disconnected.into());
        for (items, length) in [
            (vec![batch(3), batch(4)], 8),
            (vec![batch(3), batch(4)], 6),
            (vec![batch(3), batch(4)], 3),
        ] {
            let (went, failure) = run(items, length).await;
            let wrong = |error: &StoreError| matches!(error, StoreError::Data(DataError::WrongSize { declared, .. }) if *declared == length);
            assert!((went as u64) < length && failure.is_some_and(|error| wrong(&error)));
        }
        let (went, failure) = run(vec![batch(7), gone()], 7).await;
        assert!(matches!(
            (went, failure),
            (0, Some(StoreError::Data(DataError::Disconnected)))
        ));
    }

    #[tokio::test]
    async fn breaks_off_when_nobody_wants_it() {
        let (wanted, receiver) = oneshot::channel();
        let failure = Failure::default();
        let endless = Box::pin(stream::pending());
        let mut body = StreamBody::new(endless, 5, failure.clone(), receiver);
        drop(wanted);
        assert!(body.frame().await.unwrap().is_err());
        assert!(failure.take().is_some());
    }
}
