//! A request body on its way from the gate to the application.
//!
//! Both ends belong to the connection's thread. Bytes lie where the socket was read to until the
//! application has done with them.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use actix_http::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use glance_net::Socket;
use tokio_util::io::poll_read_buf;

use super::handle::Shared;

/// So many bytes are read before the application takes some.
const AHEAD: usize = 128 * 1024;

/// A body's first buffer; each one that a single read fills is followed by one of four times the
/// size, up to [`AHEAD`].
const FIRST: usize = 8 * 1024;

/// A read into less is not worth the call.
const LEAST: usize = 4 * 1024;

/// What a piece takes of memory: chunked coding may make pieces of one byte.
pub(crate) fn weight(piece: &Bytes) -> usize {
    piece.len() + size_of::<Bytes>()
}

/// A new way for a body, from the gate to the application.
pub(super) fn inflow() -> (Inlet, Outlet) {
    let way = Rc::new(Way::default());
    let inlet = Inlet {
        way: Some(Rc::clone(&way)),
        buffer: BytesMut::new(),
        size: FIRST,
    };
    (inlet, Outlet { way })
}

/// What both ends know.
#[derive(Debug, Default)]
struct Way {
    pieces: RefCell<VecDeque<Bytes>>,
    /// Memory of `pieces`.
    length: Cell<usize>,
    /// Nothing is missing after `pieces`.
    complete: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

/// The gate's end. Dropped before [`finish`](Self::finish), it breaks the body off.
#[derive(Debug)]
pub(super) struct Inlet {
    /// `None` when what comes is thrown away.
    way: Option<Rc<Way>>,
    buffer: BytesMut,
    size: usize,
}

impl Inlet {
    /// Whether more is to be read now.
    pub(super) fn has_room(&self) -> bool {
        let Some(way) = &self.way else { return true };
        // Whatever nobody reads may be very long: whether to read it shows when the answer is there.
        let is_read = Rc::strong_count(way) > 1;
        is_read && way.length.get() < AHEAD
    }

    /// Bytes from the peer; none at its end of file.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<Bytes>> {
        if self.buffer.capacity() < LEAST {
            self.buffer = BytesMut::with_capacity(self.size);
        }
        let room = self.buffer.capacity();
        let count = ready!(poll_read_buf(Pin::new(socket), cx, &mut self.buffer))?;
        if count == room {
            self.size = (self.size * 4).min(AHEAD);
        }
        Poll::Ready(Ok(self.buffer.split().freeze()))
    }

    /// Hands bytes of the body on.
    pub(super) fn push(&self, piece: Bytes) {
        let Some(way) = &self.way else { return };
        if piece.is_empty() {
            return;
        }
        way.length.set(way.length.get() + weight(&piece));
        way.pieces.borrow_mut().push_back(piece);
        way.wake_reader();
    }

    /// Says that the body was whole.
    pub(super) fn finish(&self) {
        if let Some(way) = &self.way {
            way.complete.set(true);
        }
    }

    /// Throws the rest away: nobody wants it any more.
    pub(super) fn discard(&mut self) {
        if let Some(way) = self.way.take() {
            way.wake_reader();
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.discard();
    }
}

impl Way {
    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// The application's end.
#[derive(Debug)]
pub(super) struct Outlet {
    way: Rc<Way>,
}

impl Outlet {
    /// The payload of the request.
    pub(super) fn into_payload(self, shared: Rc<Shared>) -> Body {
        Body {
            way: self.way,
            shared,
            asked: false,
        }
    }
}

/// A payload whose first read has `100 Continue` sent.
pub(super) struct Body {
    way: Rc<Way>,
    shared: Rc<Shared>,
    asked: bool,
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.asked {
            self.asked = true;
            self.shared.continue_body();
        }
        let way = &self.way;
        if let Some(piece) = way.pieces.borrow_mut().pop_front() {
            let length = way.length.get();
            way.length.set(length - weight(&piece));
            if length >= AHEAD {
                self.shared.wake_reader();
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        if way.complete.get() {
            return Poll::Ready(None);
        }
        if Rc::strong_count(way) == 1 {
            return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
        }
        *way.reader.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn way() -> (Inlet, Body) {
        let (inlet, outlet) = inflow();
        (inlet, outlet.into_payload(Rc::new(Shared::new())))
    }

    fn next(body: &mut Body) -> Option<Option<Bytes>> {
        body.next().now_or_never().map(|next| next?.ok())
    }

    #[test]
    fn reads_no_further_ahead_than_it_may() {
        let (inlet, mut body) = way();
        let half = Bytes::from(vec![b'x'; AHEAD / 2]);
        inlet.push(half.clone());
        assert!(inlet.has_room());
        inlet.push(half.clone());
        assert!(!inlet.has_room());
        assert_eq!(next(&mut body), Some(Some(half.clone())));
        assert!(inlet.has_room());
        assert_eq!(next(&mut body), Some(Some(half)));
        assert_eq!(next(&mut body), None);
    }

    #[test]
    fn counts_what_pieces_of_one_byte_take() {
        let (inlet, _body) = way();
        let pieces = (0..AHEAD).take_while(|_| {
            inlet.push(Bytes::from_static(b"x"));
            inlet.has_room()
        });
        assert!(pieces.count() <= AHEAD / size_of::<Bytes>());
    }

    #[test]
    fn reads_nothing_for_nobody_before_it_is_told_to() {
        let (mut inlet, body) = way();
        drop(body);
        assert!(!inlet.has_room());
        inlet.discard();
        inlet.push(Bytes::from_static(b"lost"));
        assert!(inlet.has_room());
    }

    #[test]
    fn ends_where_it_is_finished_and_breaks_off_where_it_is_not() {
        let piece = Bytes::from_static(b"piece");
        for whole in [true, false] {
            let (inlet, mut body) = way();
            inlet.push(piece.clone());
            if whole {
                inlet.finish();
            }
            drop(inlet);
            assert_eq!(next(&mut body), Some(Some(piece.clone())));
            let end = body.next().now_or_never().unwrap();
            assert_eq!(end.is_none(), whole, "{end:?}");
        }
    }
}
