//! Bodies of requests.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use crate::data::Batch;

/// What a body that is fed gets next.
pub(super) enum Fed {
    Batch(Batch),
    End,
}

/// The body of a request: what is there, or what comes.
pub(crate) struct Outgoing {
    pieces: VecDeque<Bytes>,
    feed: Option<Receiver<Fed>>,
    /// Bytes to come, if known.
    left: Option<u64>,
}

impl Outgoing {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::whole(Vec::new())
    }

    /// These bytes.
    pub(crate) fn whole(pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            pieces: pieces.into(),
            feed: None,
            left: Some(length),
        }
    }

    /// What comes through `feed`, `length` bytes if that is known. Unless [`Fed::End`] comes, the
    /// body is broken off, and with it the connection.
    pub(super) fn fed(feed: Receiver<Fed>, length: Option<u64>) -> Self {
        Self {
            pieces: VecDeque::new(),
            feed: Some(feed),
            left: length,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                if piece.is_empty() {
                    continue;
                }
                self.left = self
                    .left
                    .map(|left| left.saturating_sub(piece.len() as u64));
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(feed) = &mut self.feed else {
                return Poll::Ready(None);
            };
            match ready!(feed.poll_recv(cx)) {
                Some(Fed::Batch(batch)) => self.pieces.extend(batch),
                Some(Fed::End) => self.feed = None,
                None => {
                    let broken = io::Error::other("the source of the data ended early");
                    return Poll::Ready(Some(Err(broken)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.feed.is_none() && self.pieces.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
