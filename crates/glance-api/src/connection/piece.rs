//! Image data on its way through the process, where TLS must encrypt it.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    pin::Pin,
    task::{Context, Poll},
};

use glance_net::Socket;
use tokio::io::AsyncWrite;

/// What is read and encrypted at once; TLS itself keeps about as much of what the peer has not taken.
const PIECE: usize = 64 * 1024;

thread_local! {
    /// One for all transfers of a thread: what TLS does not take is read again later, so that a
    /// transfer at rest needs no memory of its own.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Gives the socket bytes of the file from `offset` on, `most` at most, and says how many it took; 0
/// at the end of the file. They should be in the page cache: reading them blocks.
pub(super) fn poll_send(
    cx: &mut Context<'_>,
    socket: &mut Socket,
    file: &File,
    offset: u64,
    most: usize,
) -> Poll<io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        let buffer = &mut buffer[..most.min(PIECE)];
        let count = loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        Pin::new(socket).poll_write(cx, &buffer[..count])
    })
}
