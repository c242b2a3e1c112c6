//! The read side: heads are read and checked here, bodies are followed to their ends.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use glance_net::Socket;
use tokio::io::ReadBuf;

use super::{
    alarm::Alarm,
    framing::Framing,
    handle::{BodyFault, Interim, Phase, Received, Shared, Unread},
    head::{BodyLength, Head},
    inflow::{Inlet, inflow},
    plain::{plain_head, refused_head},
    refusal::Refusal,
    scan::Scan,
    window::Window,
};

/// A refused request's body is read and thrown away up to this size, so that the connection can
/// go on; a longer one ends it.
pub(super) const DRAIN_LIMIT: u64 = 1024 * 1024;

/// What a client may ask of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Whether more than one request is.
    pub(super) keep_alive: bool,
    /// Bytes of one header line.
    pub(super) line: usize,
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// Between requests; `None` for no limit.
    pub(super) idle: Option<Duration>,
    /// Between two reads or writes within a body; `None` for no limit.
    pub(super) socket: Option<Duration>,
}

pub(super) struct Gate {
    limits: Limits,
    window: Window,
    scan: Scan,
    state: State,
    /// What the dispatcher reads before anything else.
    stage: Bytes,
    /// No request has come yet.
    fresh: bool,
    head_since: Option<Instant>,
    body_since: Option<Instant>,
    /// The client will send no other request.
    last: bool,
    /// The client will send nothing.
    eof: bool,
    /// Something the client sends will not be read.
    ignores: bool,
}

#[derive(Debug)]
enum State {
    /// Waiting for a head, or in the midst of one.
    Head,
    /// In a body.
    Body { framing: Framing, inlet: Inlet },
    /// Waiting for the answer.
    Busy,
    /// Nothing more is read.
    Over,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            window: Window::new(),
            scan: Scan::default(),
            state: State::Head,
            stage: Bytes::new(),
            fresh: true,
            head_since: None,
            body_since: None,
            last: false,
            eof: false,
            ignores: false,
        }
    }

    /// What the dispatcher reads: plain heads, and an end of file when the connection is to be closed.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        shared: &Shared,
        alarm: &mut Alarm,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.stage.is_empty() {
                let count = self.stage.len().min(buf.remaining());
                buf.put_slice(&self.stage[..count]);
                self.stage.advance(count);
                return Poll::Ready(Ok(()));
            }
            self.settle(shared);
            match self.state {
                State::Head => ready!(self.poll_head(cx, socket, shared, alarm)),
                State::Body { .. } => ready!(self.poll_body(cx, socket, shared, alarm)),
                State::Busy => return self.poll_busy(cx, socket, shared),
                State::Over if shared.phase.get() == Phase::Idle => return Poll::Ready(Ok(())),
                State::Over => {
                    shared.reader_waits.set(true);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Whether the client may be sending what will not be read, so that closing the connection at
    /// once could make it miss the answer.
    pub(super) fn is_sent_to(&self) -> bool {
        let unread = matches!(self.state, State::Body { .. }) || !self.window.is_empty();
        !self.eof && (self.ignores || unread)
    }

    /// Reads and forgets; ready at the end of file.
    pub(super) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        mut progress: impl FnMut(),
    ) -> Poll<()> {
        loop {
            self.window.consume(usize::MAX);
            match ready!(self.window.poll_fill(cx, socket)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => progress(),
            }
        }
    }

    /// Draws the consequences of an answer that is complete.
    fn settle(&mut self, shared: &Shared) {
        if shared.phase.get() != Phase::Idle {
            return;
        }
        let drains = match shared.unread.get() {
            Unread::AtMost(bytes) => bytes <= DRAIN_LIMIT,
            Unread::Unknown => false,
        };
        match &mut self.state {
            State::Busy if shared.closing.get() => self.state = State::Over,
            State::Busy => self.state = State::Head,
            State::Body { .. } if self.last || !drains || shared.closing.get() => {
                self.ignores = true;
                self.state = State::Over;
            }
            State::Body { inlet, .. } => inlet.discard(),
            _ => {}
        }
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        shared: &Shared,
        alarm: &mut Alarm,
    ) -> Poll<()> {
        loop {
            self.window.consume(self.scan.blank(self.window.bytes()));
            match self.scan.look(self.window.bytes(), self.limits.line) {
                Ok(Some((head, length))) => {
                    self.window.consume(length);
                    self.accept(head, shared);
                    return Poll::Ready(());
                }
                Ok(None) => {}
                Err(refusal) => {
                    self.refuse(refusal, shared);
                    return Poll::Ready(());
                }
            }
            if !self.window.is_empty() {
                self.head_since.get_or_insert_with(Instant::now);
            }
            match self.window.poll_fill(cx, socket) {
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.eof = true;
                    self.state = State::Over;
                    return Poll::Ready(());
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return self.poll_head_deadline(cx, shared, alarm),
            }
        }
    }

    fn poll_head_deadline(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        alarm: &mut Alarm,
    ) -> Poll<()> {
        shared.reader_waits.set(false);
        let idle_since = shared.idle_since.get();
        let deadline = match self.head_since {
            Some(since) => Some(since + self.limits.head),
            None if self.fresh => Some(idle_since + self.limits.head),
            None => self.limits.idle.map(|idle| idle_since + idle),
        };
        if !deadline.is_some_and(|deadline| alarm.passed(cx, deadline)) {
            return Poll::Pending;
        }
        match self.head_since {
            Some(_) => self.refuse(Refusal::HeadTimeout, shared),
            None => self.state = State::Over,
        }
        Poll::Ready(())
    }

    fn accept(&mut self, head: Rc<Head>, shared: &Shared) {
        self.fresh = false;
        self.head_since = None;
        self.body_since = None;
        self.scan = Scan::default();
        self.last = !(head.keep_alive() && self.limits.keep_alive);
        self.stage = plain_head(&head);
        let framing = match head.body() {
            BodyLength::Empty => None,
            BodyLength::Known(length) => Some(Framing::Length(length)),
            BodyLength::Chunked => Some(Framing::chunked()),
        };
        let mut body = None;
        self.state = match framing {
            None => self.after_body(),
            Some(framing) => {
                let (inlet, outlet) = inflow();
                body = Some(outlet);
                State::Body { framing, inlet }
            }
        };
        let waits = head.expects_continue() && body.is_some();
        shared.asked(Received::Request(head), body, waits);
        self.publish(shared);
    }

    fn refuse(&mut self, refusal: Refusal, shared: &Shared) {
        self.ignores = true;
        self.state = State::Over;
        self.stage = refused_head();
        self.window.consume(usize::MAX);
        shared.asked(Received::Refused(refusal), None, false);
    }

    fn after_body(&self) -> State {
        if self.last { State::Over } else { State::Busy }
    }

    /// Reads some of the body, follows it, and hands it on.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        shared: &Shared,
        alarm: &mut Alarm,
    ) -> Poll<()> {
        let State::Body { framing, inlet } = &mut self.state else {
            return Poll::Ready(());
        };
        if !inlet.has_room() {
            self.body_since = None;
            shared.reader_waits.set(true);
            return Poll::Pending;
        }
        let mut bytes = if self.window.is_empty() {
            match inlet.poll_fill(cx, socket) {
                Poll::Ready(Ok(bytes)) if !bytes.is_empty() => bytes,
                Poll::Ready(_) => {
                    self.eof = true;
                    self.break_off(BodyFault::Disconnected, shared);
                    return Poll::Ready(());
                }
                Poll::Pending => return self.poll_body_deadline(cx, shared, alarm),
            }
        } else {
            self.window.take()
        };
        self.body_since = None;
        while !bytes.is_empty() {
            let Some(step) = framing.advance(&bytes) else {
                self.break_off(BodyFault::BadChunk, shared);
                break;
            };
            bytes.advance(step.framing);
            inlet.push(bytes.split_to(step.data));
            if step.done {
                inlet.finish();
                self.window.push(&bytes);
                self.state = self.after_body();
                break;
            }
        }
        self.publish(shared);
        Poll::Ready(())
    }

    fn poll_body_deadline(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        alarm: &mut Alarm,
    ) -> Poll<()> {
        shared.reader_waits.set(true);
        let limit = match shared.phase.get() {
            // The client was not yet asked for the body.
            Phase::Asked if shared.interim.get() == Interim::Expected => return Poll::Pending,
            Phase::Idle => self.limits.idle.or(self.limits.socket),
            _ => self.limits.socket,
        };
        let since = *self.body_since.get_or_insert_with(Instant::now);
        if !limit.is_some_and(|limit| alarm.passed(cx, since + limit)) {
            return Poll::Pending;
        }
        self.break_off(BodyFault::TimedOut, shared);
        Poll::Ready(())
    }

    fn break_off(&mut self, fault: BodyFault, shared: &Shared) {
        shared.fault.set(Some(fault));
        self.ignores = true;
        self.state = State::Over;
    }

    /// Waits for the answer; only notices whether there will be something to read after it.
    fn poll_busy(
        &self,
        cx: &mut Context<'_>,
        socket: &Socket,
        shared: &Shared,
    ) -> Poll<io::Result<()>> {
        // What TLS holds decrypted already shows only when it is read.
        let unread = match socket.plain() {
            Some(tcp) => tcp.poll_read_ready(cx).is_ready(),
            None => true,
        };
        let waits = unread || !self.window.is_empty();
        shared.reader_waits.set(waits);
        Poll::Pending
    }

    /// Notes how much of the body is still to come.
    fn publish(&self, shared: &Shared) {
        let unread = match &self.state {
            State::Body { framing, .. } => match framing {
                Framing::Length(left) => Unread::AtMost(*left),
                Framing::Chunked(_) => Unread::Unknown,
            },
            _ => Unread::AtMost(0),
        };
        shared.unread.set(unread);
    }
}
