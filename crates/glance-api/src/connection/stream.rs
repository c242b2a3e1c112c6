//! The stream under the dispatcher: the gate on one side, files on the other.

use std::{
    io::{self, ErrorKind},
    mem,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use glance_net::Socket;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::{
    alarm::Alarm,
    gate::{Gate, Limits},
    handle::{Handle, Interim, Shared},
};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a client that is still sending may go on after the last answer. A connection that is
/// closed on unread bytes is reset, and the client would lose the answer.
const LINGER: Duration = Duration::from_secs(30);
/// How long such a client may pause.
const LINGER_PAUSE: Duration = Duration::from_secs(5);

/// An accepted connection as the dispatcher sees it.
pub(super) struct Stream {
    socket: Socket,
    gate: Gate,
    alarm: Alarm,
    shared: Rc<Shared>,
    idle_timeout: Option<Duration>,
    socket_timeout: Option<Duration>,
    /// Since when the peer has taken nothing.
    stalled: Option<Instant>,
    /// What it had taken when that was looked at last: bytes of the body, and encrypted ones.
    taken: (u64, u64),
    closing: Option<Closing>,
}

struct Closing {
    begun: Instant,
    heard: Instant,
    /// The peer was told.
    told: bool,
}

impl Closing {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            heard: now,
            told: false,
        }
    }
}

impl Stream {
    pub(super) fn new(socket: Socket, limits: Limits) -> Self {
        Self {
            socket,
            gate: Gate::new(limits),
            alarm: Alarm::default(),
            shared: Rc::new(Shared::new()),
            idle_timeout: limits.idle,
            socket_timeout: limits.socket,
            stalled: None,
            taken: (0, 0),
            closing: None,
        }
    }

    pub(super) fn handle(&self) -> Handle {
        Handle {
            shared: Rc::clone(&self.shared),
        }
    }

    /// Sends the interim answer if it is due, or the rest of it.
    ///
    /// It cannot come between the bytes of another answer: the request that it belongs to was let in
    /// after the socket had taken all answers before it.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let sent = match self.shared.interim.get() {
                Interim::Wanted => 0,
                Interim::Sending(sent) => sent,
                Interim::No | Interim::Expected => return Poll::Ready(Ok(())),
            };
            let socket = Pin::new(&mut self.socket);
            if sent == CONTINUE.len() {
                ready!(socket.poll_flush(cx))?;
                self.shared.interim.set(Interim::No);
                return Poll::Ready(Ok(()));
            }
            let count = ready!(socket.poll_write(cx, &CONTINUE[sent..]))?;
            self.shared.interim.set(Interim::Sending(sent + count));
        }
    }

    /// Writes what the dispatcher has, and the file where its marker stands.
    fn poll_output(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut transfer = self.shared.transfer.borrow_mut();
        let Some((before, transfer)) = transfer
            .as_mut()
            .and_then(|transfer| Some((transfer.before_marker(buf)?, transfer)))
        else {
            return Pin::new(&mut self.socket).poll_write(cx, buf);
        };
        if before == 0 {
            let count = |sent| self.shared.count(sent);
            return transfer.poll_send(cx, &mut self.socket, count);
        }
        let Some(tcp) = self.socket.plain() else {
            return Pin::new(&mut self.socket).poll_write(cx, &buf[..before]);
        };
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            let sent = tcp.try_io(Interest::WRITABLE, || {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                Ok(send(tcp, &buf[..before], flags)?)
            });
            match sent {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Whether the peer has taken nothing for too long.
    fn has_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let taken = (self.shared.body_bytes.get(), self.socket.taken());
        let progress = mem::replace(&mut self.taken, taken) != taken;
        let fetching = self
            .shared
            .transfer
            .borrow()
            .as_ref()
            .is_some_and(|transfer| transfer.is_fetching());
        let Some(limit) = self.socket_timeout.filter(|_| !fetching) else {
            self.stalled = None;
            return false;
        };
        if progress {
            self.stalled = None;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        self.alarm.passed(cx, since + limit)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.shared.register(cx);
        // If the socket does not take it, it will wake this task.
        if let Poll::Ready(Err(error)) = this.poll_interim(cx) {
            log::debug!("interim answer not sent: {error}");
            this.shared.interim.set(Interim::No);
        }
        this.gate
            .poll_read(cx, &mut this.socket, &this.shared, &mut this.alarm, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.shared.interim.get() {
            // The final answer makes the interim one needless.
            Interim::Expected | Interim::Wanted => this.shared.interim.set(Interim::No),
            Interim::Sending(_) => ready!(this.poll_interim(cx))?,
            Interim::No => {}
        }
        let written = this.poll_output(cx, buf);
        if written.is_ready() {
            this.stalled = None;
            return written;
        }
        if this.has_stalled(cx) {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_flush(cx) {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending if this.has_stalled(cx) => {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            Poll::Pending => return Poll::Pending,
        }
        this.stalled = None;
        // The read side is not asked again before the client sends something: see to its deadline.
        if let Some((now, idle)) = this.shared.flushed().zip(this.idle_timeout) {
            this.alarm.passed_at(cx, now, now + idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closing = this.closing.get_or_insert_with(Closing::begin);
        if !closing.told {
            match Pin::new(&mut this.socket).poll_shutdown(cx) {
                // Fails if the peer is gone, and then there is nothing to wait for.
                Poll::Ready(told) => told?,
                // TLS has a last word, which a peer that takes nothing need not hear.
                Poll::Pending if this.alarm.passed(cx, closing.begun + LINGER_PAUSE) => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => return Poll::Pending,
            }
            *closing = Closing::begin();
            closing.told = true;
        }
        if !this.gate.is_sent_to() {
            return Poll::Ready(Ok(()));
        }
        let heard = &mut closing.heard;
        if this
            .gate
            .poll_discard(cx, &mut this.socket, || *heard = Instant::now())
            .is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        let deadline = (closing.begun + LINGER).min(closing.heard + LINGER_PAUSE);
        if this.alarm.passed(cx, deadline) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.report(false);
    }
}
