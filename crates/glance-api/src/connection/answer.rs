//! The body of every answer: tells the connection when it has been rendered.

use std::{
    error::Error,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_http::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::handle::Shared;

/// A body that notes its end, and its bytes, at the connection.
pub(super) struct Answer {
    body: BoxBody,
    size: BodySize,
    /// Nothing of it is to be sent: the request was a HEAD.
    mute: bool,
    complete: bool,
    shared: Rc<Shared>,
}

impl Answer {
    pub(super) fn new(body: BoxBody, size: BodySize, mute: bool, shared: Rc<Shared>) -> Self {
        let complete = matches!(size, BodySize::None | BodySize::Sized(0));
        Self {
            body,
            size,
            mute,
            complete,
            shared,
        }
    }
}

impl MessageBody for Answer {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.mute {
            self.complete = true;
            return Poll::Ready(None);
        }
        let item = ready!(Pin::new(&mut self.body).poll_next(cx));
        match &item {
            None => self.complete = true,
            // The marker of a file is not a part of the body; the file's bytes are counted as they go.
            Some(Ok(_)) if self.shared.transfer.borrow().is_some() => {}
            Some(Ok(chunk)) => self.shared.count(chunk.len() as u64),
            Some(Err(_)) => {}
        }
        Poll::Ready(item)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.shared.answered(self.complete);
    }
}
