//! Bytes that were read from the peer and not yet passed on: heads, and what came along with them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use glance_net::Socket;
use tokio::io::{AsyncRead, ReadBuf};

/// What a connection keeps between requests.
const SIZE: usize = 8 * 1024;

/// A growing buffer that is emptied from the front. Its users bound what they let in.
#[derive(Debug)]
pub(super) struct Window {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            data: vec![0; SIZE],
            start: 0,
            end: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes, and gives back the memory of an unusually large head.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count.min(self.end - self.start);
        if self.start < self.end {
            return;
        }
        self.start = 0;
        self.end = 0;
        if self.data.len() > SIZE {
            self.data.truncate(SIZE);
            self.data.shrink_to_fit();
        }
    }

    /// All of them, for somebody else.
    pub(super) fn take(&mut self) -> Bytes {
        let bytes = Bytes::copy_from_slice(self.bytes());
        self.consume(usize::MAX);
        bytes
    }

    /// Appends bytes that were read elsewhere.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.data[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// One read from the peer; 0 is its end of file.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<usize>> {
        if self.end == self.data.len() {
            self.make_room(SIZE);
        }
        let mut buf = ReadBuf::new(&mut self.data[self.end..]);
        ready!(Pin::new(socket).poll_read(cx, &mut buf))?;
        let count = buf.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }

    fn make_room(&mut self, count: usize) {
        if self.data.len() - self.end >= count {
            return;
        }
        self.data.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.data.len() - self.end < count {
            self.data.resize(self.end + count.max(SIZE), 0);
        }
    }
}
