//! What the application, the dispatcher's two ends and the stream know of a connection together.

use std::{
    cell::{Cell, RefCell},
    fmt, ptr,
    rc::Rc,
    task::{Context, Waker},
    time::Instant,
};

use actix_web::dev::RequestHead;

use super::{head::Head, inflow::Outlet, refusal::Refusal, sendfile::Transfer};
use crate::metrics::METRICS;

/// The connection that a request came by. Cheap to clone, bound to its thread.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Rc<Shared>,
}

/// How the answer to a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Bytes of the body that were handed to the socket.
    pub body_bytes: u64,
    /// False if the connection was cut, or the body failed, before its end.
    pub complete: bool,
}

/// Why a request body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// The client went away.
    Disconnected,
    /// The client sent nothing for `client_socket_timeout`.
    TimedOut,
    /// It is not valid chunked coding.
    BadChunk,
}

impl Handle {
    /// Has `100 Continue` sent if the client waits for it.
    ///
    /// The first read of the request's payload does this by itself; call it to be earlier.
    pub fn continue_body(&self) {
        self.shared.continue_body();
    }

    /// Why the body of the current request broke off, if it did.
    pub fn body_fault(&self) -> Option<BodyFault> {
        self.shared.fault.get()
    }

    /// Has `callback` called once, when the answer to the current request has been handed to the
    /// socket completely, or will never be.
    pub fn on_answered(&self, callback: impl FnOnce(Answered) + 'static) {
        *self.shared.callback.borrow_mut() = Some(Box::new(callback));
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("phase", &self.shared.phase.get())
            .finish_non_exhaustive()
    }
}

/// Where a connection is in its only request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is being answered and all output has been taken by the socket.
    Idle,
    /// A head was given to the dispatcher.
    Asked,
    /// The answer has been rendered; its last bytes may still wait for the socket.
    Answered,
}

/// What the dispatcher's request really is.
#[derive(Debug, Clone)]
pub(super) enum Received {
    Request(Rc<Head>),
    Refused(Refusal),
}

/// How much of the request body the peer still owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    AtMost(u64),
    Unknown,
}

/// The state of `100 Continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interim {
    /// Nobody waits for it, or it was sent.
    No,
    /// The client waits for it.
    Expected,
    /// The body is being read: send it.
    Wanted,
    /// So many bytes of it were sent.
    Sending(usize),
}

pub(super) type Callback = Box<dyn FnOnce(Answered)>;

pub(super) struct Shared {
    pub(super) phase: Cell<Phase>,
    /// When the last answer was complete, or the connection was made.
    pub(super) idle_since: Cell<Instant>,
    /// Whether the read side has something to do as soon as the answer is complete, or some of the
    /// body has been taken.
    pub(super) reader_waits: Cell<bool>,
    /// Whether the answer says that it is the last one.
    pub(super) closing: Cell<bool>,
    received: RefCell<Option<Received>>,
    /// The address of the request that it was written into: requests may outlive their answers.
    owner: Cell<*const RequestHead>,
    pub(super) unread: Cell<Unread>,
    /// The body of the request that the dispatcher has not yet made, if it has one.
    pub(super) body: RefCell<Option<Outlet>>,
    pub(super) interim: Cell<Interim>,
    pub(super) fault: Cell<Option<BodyFault>>,
    /// The file range that the marker in the dispatcher's output stands for.
    pub(super) transfer: RefCell<Option<Transfer>>,
    /// The length of a file body that was made for the current request and not yet begun.
    pub(super) promised: Cell<Option<u64>>,
    pub(super) body_bytes: Cell<u64>,
    complete: Cell<bool>,
    callback: RefCell<Option<Callback>>,
    waker: RefCell<Option<Waker>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Idle),
            idle_since: Cell::new(Instant::now()),
            reader_waits: Cell::new(false),
            closing: Cell::new(false),
            received: RefCell::new(None),
            owner: Cell::new(ptr::null()),
            unread: Cell::new(Unread::AtMost(0)),
            body: RefCell::new(None),
            interim: Cell::new(Interim::No),
            fault: Cell::new(None),
            transfer: RefCell::new(None),
            promised: Cell::new(None),
            body_bytes: Cell::new(0),
            complete: Cell::new(false),
            callback: RefCell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// A head is on its way to the dispatcher.
    pub(super) fn asked(&self, received: Received, body: Option<Outlet>, expects_continue: bool) {
        *self.received.borrow_mut() = Some(received);
        *self.body.borrow_mut() = body;
        self.owner.set(ptr::null());
        self.phase.set(Phase::Asked);
        self.interim.set(if expects_continue {
            Interim::Expected
        } else {
            Interim::No
        });
        self.unread.set(Unread::AtMost(0));
        self.fault.set(None);
        self.body_bytes.set(0);
        self.complete.set(false);
    }

    /// What a request really is, if it is the present one.
    pub(super) fn received(&self, request: &RequestHead) -> Option<Received> {
        if !ptr::eq(self.owner.get(), request) {
            return None;
        }
        self.received.borrow().clone()
    }

    /// The same for the request that the dispatcher has just made.
    pub(super) fn claim(&self, request: &RequestHead) -> Option<Received> {
        self.owner.set(request);
        self.received.borrow().clone()
    }

    /// The answer has been rendered, up to its end if `complete`.
    pub(super) fn answered(&self, complete: bool) {
        self.phase.set(Phase::Answered);
        self.complete.set(complete);
    }

    /// The socket has taken all output. Says when an answer was completed by that.
    pub(super) fn flushed(&self) -> Option<Instant> {
        if self.phase.get() != Phase::Answered {
            return None;
        }
        let now = Instant::now();
        self.phase.set(Phase::Idle);
        self.idle_since.set(now);
        self.wake_reader();
        self.report(self.complete.get());
        Some(now)
    }

    /// Tells who wanted to know how the answer ended; only the first call does.
    pub(super) fn report(&self, complete: bool) {
        let callback = self.callback.borrow_mut().take();
        if let Some(callback) = callback {
            callback(Answered {
                body_bytes: self.body_bytes.get(),
                complete,
            });
        }
    }

    pub(super) fn count(&self, bytes: u64) {
        self.body_bytes.set(self.body_bytes.get() + bytes);
        METRICS.sent.add(bytes);
    }

    pub(super) fn continue_body(&self) {
        if self.interim.get() == Interim::Expected {
            self.interim.set(Interim::Wanted);
            self.wake();
        }
    }

    /// Remembers the connection's task.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker
            .as_ref()
            .is_none_or(|waker| !waker.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Has the read side go on, if it waits for anything but the peer.
    pub(super) fn wake_reader(&self) {
        if self.reader_waits.replace(false) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
