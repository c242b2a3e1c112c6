//! Answers whose body is a range of a file: the kernel sends it without its passing through the process,
//! unless TLS must encrypt it.

use std::{
    convert::Infallible,
    fs::File,
    future::Future,
    io::{self, ErrorKind, IoSliceMut},
    num::NonZeroU64,
    os::unix::fs::FileExt,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;
use glance_net::Socket;
use rustix::{
    fs::{Advice, fadvise, sendfile},
    io::{ReadWriteFlags, preadv2},
};
use tokio::{
    io::Interest,
    net::TcpStream,
    task::{JoinHandle, spawn_blocking},
};
use uuid::Uuid;

use super::{
    handle::{Handle, Shared},
    piece,
};

/// The unit in which a file is looked up in the page cache and, if absent, fetched into it.
const SLICE: u64 = 1024 * 1024;
/// What one poll may send before other connections have their turn.
const TURN: u64 = 4 * 1024 * 1024;
/// How far the kernel is asked to read ahead of a slice that had to be fetched.
const AHEAD: u64 = 4 * SLICE;
/// The buffer of a fetch.
const FETCH: usize = 256 * 1024;

/// 244 random bits: nobody can send them in a body of their own to be given a file instead.
const MARKER: usize = 32;

impl Handle {
    /// A body of `length` bytes of `file` from `offset` on, sent by sendfile(2) where that can be.
    ///
    /// It must be the whole body of the answer to the current request: nothing may be put before or
    /// after it, and no middleware may change it, for what passes through the process is a marker.
    /// If the file turns out to be shorter, the connection is cut.
    pub fn send_file(&self, file: Arc<File>, offset: u64, length: u64) -> FileBody {
        self.shared.promised.set((length > 0).then_some(length));
        FileBody {
            range: Some((file, offset)),
            length,
            shared: Rc::clone(&self.shared),
        }
    }
}

/// See [`Handle::send_file`].
#[must_use = "a file is sent when this is the body of the answer"]
pub struct FileBody {
    range: Option<(Arc<File>, u64)>,
    length: u64,
    shared: Rc<Shared>,
}

impl MessageBody for FileBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.length == 0 {
            return Poll::Ready(None);
        }
        let mut transfer = self.shared.transfer.borrow_mut();
        if transfer.as_ref().is_some_and(Transfer::is_done) {
            *transfer = None;
            return Poll::Ready(None);
        }
        drop(transfer);
        let Some((file, offset)) = self.range.take() else {
            // The stream wakes this task when it has sent the last byte.
            return Poll::Pending;
        };
        let transfer = Transfer::new(file, offset, self.length);
        let marker = Bytes::copy_from_slice(&transfer.marker);
        self.shared.promised.set(None);
        *self.shared.transfer.borrow_mut() = Some(transfer);
        Poll::Ready(Some(Ok(marker)))
    }
}

impl Drop for FileBody {
    fn drop(&mut self) {
        match self.range {
            Some(_) => self.shared.promised.set(None),
            None => *self.shared.transfer.borrow_mut() = None,
        }
    }
}

/// A file range on its way to the socket.
pub(super) struct Transfer {
    file: Arc<File>,
    offset: u64,
    end: u64,
    marker: [u8; MARKER],
    /// The file is in the page cache up to here, as far as is known.
    cached: u64,
    fetch: Option<JoinHandle<io::Result<()>>>,
}

impl Transfer {
    fn new(file: Arc<File>, offset: u64, length: u64) -> Self {
        let mut marker = [0; MARKER];
        let (first, second) = marker.split_at_mut(MARKER / 2);
        first.copy_from_slice(Uuid::new_v4().as_bytes());
        second.copy_from_slice(Uuid::new_v4().as_bytes());
        let end = offset.saturating_add(length);
        Self {
            file,
            offset,
            end,
            marker,
            cached: offset,
            fetch: None,
        }
    }

    fn is_done(&self) -> bool {
        self.offset == self.end
    }

    /// Whether it is the disk and not the peer that is waited for.
    pub(super) fn is_fetching(&self) -> bool {
        self.fetch.is_some() && self.cached == self.offset
    }

    /// How much of `output` comes before the marker; `None` if it does not end with it.
    ///
    /// The dispatcher cannot have written anything after the marker: the body has no more to say
    /// until the file was sent, and the next request is let in after that.
    pub(super) fn before_marker(&self, output: &[u8]) -> Option<usize> {
        output
            .ends_with(&self.marker)
            .then(|| output.len() - MARKER)
    }

    /// Sends what is left of the range; `counted` is told of each part.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        counted: impl Fn(u64),
    ) -> Poll<io::Result<usize>> {
        let mut turn = TURN;
        while !self.is_done() {
            if turn == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_cached(cx))?;
            let (offset, most) = (self.offset, (self.cached - self.offset).min(turn));
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let sent = match socket.plain() {
                Some(tcp) => poll_sendfile(cx, tcp, &self.file, offset, most),
                None => piece::poll_send(cx, socket, &self.file, offset, most),
            };
            let sent = ready!(sent)? as u64;
            if sent == 0 {
                // The file has become shorter than was declared to the peer.
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
            self.offset += sent;
            turn -= sent.min(turn);
            counted(sent);
        }
        // The body has one more thing to say: that it is over.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(MARKER))
    }

    /// Makes sure that sending the next slice will not wait for the disk on a reactor thread.
    fn poll_cached(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cached > self.offset {
            return Poll::Ready(Ok(()));
        }
        if self.fetch.is_none() && !self.begin_fetch() {
            self.cached = self.slice_end();
            return Poll::Ready(Ok(()));
        }
        if let Some(fetch) = &mut self.fetch {
            let fetched = ready!(Pin::new(fetch).poll(cx));
            self.fetch = None;
            fetched.map_err(io::Error::other)??;
        }
        self.cached = self.slice_end();
        // Where one slice was absent the next one will be: it is read while this one is sent.
        self.begin_fetch();
        Poll::Ready(Ok(()))
    }

    fn slice_end(&self) -> u64 {
        self.end.min(self.cached + SLICE)
    }

    /// Has the slice after what is known to be cached fetched; false if there is no need.
    fn begin_fetch(&mut self) -> bool {
        let (start, end) = (self.cached, self.slice_end());
        if start == end || (is_cached(&self.file, start) && is_cached(&self.file, end - 1)) {
            return false;
        }
        let file = Arc::clone(&self.file);
        self.fetch = Some(spawn_blocking(move || fetch(&file, start..end)));
        true
    }
}

/// Has the kernel send bytes of the file from `offset` on, `most` at most, and says how many it took; 0
/// at the end of the file.
fn poll_sendfile(
    cx: &mut Context<'_>,
    tcp: &TcpStream,
    file: &File,
    mut offset: u64,
    most: usize,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(cx))?;
        let sent = tcp.try_io(Interest::WRITABLE, || {
            Ok(sendfile(tcp, file, Some(&mut offset), most)?)
        });
        match sent {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            sent => return Poll::Ready(sent),
        }
    }
}

/// Whether the byte at `offset` can be had without waiting. True at the end of the file as well.
fn is_cached(file: &File, offset: u64) -> bool {
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT).is_ok()
}

/// Reads a slice into the page cache, blocking, and has the next ones read meanwhile.
fn fetch(file: &File, range: std::ops::Range<u64>) -> io::Result<()> {
    // A hint, which not every file system takes.
    let _ = fadvise(file, range.start, NonZeroU64::new(AHEAD), Advice::WillNeed);
    let mut buffer = vec![0; FETCH];
    let mut offset = range.start;
    while offset < range.end {
        let count = usize::try_from(range.end - offset).map_or(FETCH, |left| left.min(FETCH));
        match file.read_at(&mut buffer[..count], offset) {
            Ok(0) => return Ok(()),
            Ok(read) => offset += read as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
