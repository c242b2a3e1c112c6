//! The connection layer: what lies between an accepted TCP stream, with TLS or without, and the
//! application.
//!
//! [`serve()`] starts actix's HTTP/1 dispatcher over a `stream::Stream`, which does four things that
//! the dispatcher cannot:
//!
//! * It reads every request head itself (`gate`), so that Glance's limits and refusals hold, up to
//!   512 headers pass, and interim `100 Continue` answers wait for a reader of the body. The
//!   dispatcher is given a plain head of a few bytes in its place, and `service` writes the real one
//!   into the request before the application sees it.
//! * It reads the bodies, too, and hands them to the application past the dispatcher (`inflow`), in
//!   the buffers that the socket was read into.
//! * It lets one request in at a time: the next head is read when the answer before it has been
//!   written, so what is known about "the request" of a connection is never about another one.
//! * It sends file ranges by sendfile(2) (`sendfile`), so that image data never enters the process;
//!   where TLS must encrypt it, it comes as far as a buffer (`piece`).
//!
//! What the application uses: [`head()`] and [`refusal()`] of a request, and the [`Handle`] of its
//! connection.

mod alarm;
mod answer;
mod framing;
mod gate;
mod handle;
mod head;
mod inflow;
mod piece;
mod plain;
mod refusal;
mod scan;
mod sendfile;
mod serve;
mod service;
mod stream;
mod window;

use std::rc::Rc;

use actix_web::HttpRequest;

use self::handle::Received;

pub(crate) use self::inflow::weight;
pub use self::{
    handle::{Answered, BodyFault, Handle},
    head::{BodyLength, Head},
    refusal::Refusal,
    sendfile::FileBody,
    serve::{Options, serve},
};

/// The request head as it came over the wire; `None` for a refused request, for one that was answered
/// before the connection's present one, and in tests that do not go through [`serve()`].
pub fn head(request: &HttpRequest) -> Option<Rc<Head>> {
    match received(request)? {
        Received::Request(head) => Some(head),
        Received::Refused(_) => None,
    }
}

/// Why this request must be answered with [`Refusal::response`] and nothing else.
///
/// The outermost function of the application asks this first: a refused request carries the method
/// `REFUSED`, the path `/` and no header.
pub fn refusal(request: &HttpRequest) -> Option<Refusal> {
    match received(request)? {
        Received::Refused(refusal) => Some(refusal),
        Received::Request(_) => None,
    }
}

/// The connection a request came by; `None` in tests that do not go through [`serve()`].
pub fn handle(request: &HttpRequest) -> Option<Handle> {
    request.conn_data::<Handle>().cloned()
}

fn received(request: &HttpRequest) -> Option<Received> {
    request
        .conn_data::<Handle>()?
        .shared
        .received(request.head())
}
