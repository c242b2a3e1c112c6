//! What can be made to go wrong, and with which requests.

use std::time::Duration;

use super::Seen;

/// Which requests something happens to.
#[derive(Clone, Debug)]
pub struct When {
    method: &'static str,
    part: String,
    ranged: bool,
    pub(super) skipped: usize,
    pub(super) times: usize,
}

impl When {
    /// Every request with this method, `*` for any, whose path and query contain `part`.
    pub fn asked(method: &'static str, part: impl Into<String>) -> Self {
        Self {
            method,
            part: part.into(),
            ranged: false,
            skipped: 0,
            times: usize::MAX,
        }
    }

    /// Only those that ask for a part.
    pub fn ranged(mut self) -> Self {
        self.ranged = true;
        self
    }

    /// Only after so many of them.
    pub fn after(mut self, skipped: usize) -> Self {
        self.skipped = skipped;
        self
    }

    /// Only so many of them.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Only the first of them.
    pub fn once(self) -> Self {
        self.times(1)
    }

    pub(super) fn is_of(&self, request: &Seen) -> bool {
        (self.method == "*" || self.method == request.method)
            && request.target.contains(&self.part)
            && (!self.ranged || request.range.is_some())
    }
}

/// What happens to a request or to its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The server never hears of it; this is the answer.
    Answer(Canned),
    /// The server does what it is asked, but its answer is kept back until the proxy is healed.
    StallHead,
    /// The server does what it is asked, and the connection is reset in place of its answer.
    ResetHead,
    /// The answer has this header with this value, in place of the server's if it has one.
    Header(&'static str, String),
    /// The body of the answer is not what the server sent.
    Received(Trouble),
    /// The body of the request is not what was sent.
    Sent(Trouble),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Canned {
    /// Status code and words.
    pub status: &'static str,
    /// `Content-Type`.
    pub kind: &'static str,
    /// The body.
    pub body: &'static str,
}

/// What happens to a body. A body too short for it passes as it is.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// After so many bytes nothing more comes until the proxy is healed.
    Stall(u64),
    /// After so many bytes the connection is reset.
    Reset(u64),
    /// After so many bytes the connection is closed; the head promised all of them.
    Cut(u64),
    /// One bit of the byte at this place is another one.
    Flip(u64),
    /// So many bytes, a pause, so many bytes, …
    Drip(usize, Duration),
    /// So many bytes are missing at the end; the head agrees.
    Shorter(u64),
    /// So many bytes more are at the end; the head agrees.
    Longer(u64),
    /// So many bytes follow the end that the head announced.
    Trailing(u64),
}

impl Fault {
    /// A server in trouble: `500 Internal Server Error`.
    pub fn internal() -> Self {
        Self::plain("500 Internal Server Error")
    }

    /// A server with too much to do: `503 Service Unavailable`.
    pub fn unavailable() -> Self {
        Self::plain("503 Service Unavailable")
    }

    /// How S3 asks for patience.
    pub fn slow_down() -> Self {
        Self::Answer(Canned {
            status: "503 Slow Down",
            kind: "application/xml",
            body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>\
                   <Message>Please reduce your request rate.</Message>\
                   <RequestId>4442587FB7D0A2F9</RequestId></Error>",
        })
    }

    /// This status, with a page of text.
    pub fn plain(status: &'static str) -> Self {
        Self::Answer(Canned {
            status,
            kind: "text/html; charset=UTF-8",
            body: "<html><h1>This is not what you hoped for</h1></html>",
        })
    }

    pub(super) fn sent(&self) -> Option<Trouble> {
        match self {
            Self::Sent(trouble) => Some(*trouble),
            _ => None,
        }
    }
}

impl Trouble {
    /// What `Content-Length` says then.
    pub(super) fn length(self, length: u64) -> u64 {
        match self {
            Self::Shorter(bytes) => length.saturating_sub(bytes),
            Self::Longer(bytes) => length + bytes,
            _ => length,
        }
    }
}
