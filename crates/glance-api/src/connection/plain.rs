//! What the dispatcher is given in place of the heads that came.

use actix_web::http::{Method, Version};
use bytes::Bytes;

use super::head::Head;

/// A request after which the connection ends.
const LAST: &[u8] = b"GET / HTTP/1.1\r\nhost:-\r\nconnection:close\r\n\r\n";

/// For a request that was turned away: something to answer.
pub(super) fn refused_head() -> Bytes {
    Bytes::from_static(LAST)
}

/// The head that the dispatcher is given in place of the real one.
///
/// It says what the dispatcher must know to frame the answer. Bodies go past the dispatcher, so to it
/// no request has one. Answers to HTTP/1.0 say HTTP/1.1, as Glance's do, unless they must confirm a
/// keep-alive.
pub(super) fn plain_head(head: &Head) -> Bytes {
    let confirm = head.version() == Version::HTTP_10;
    let plain: &[u8] = match (head.method() == Method::HEAD, head.keep_alive(), confirm) {
        (true, true, false) => b"HEAD / HTTP/1.1\r\nhost:-\r\n\r\n",
        (false, true, false) => b"GET / HTTP/1.1\r\nhost:-\r\n\r\n",
        (true, true, true) => b"HEAD / HTTP/1.0\r\nhost:-\r\nconnection:keep-alive\r\n\r\n",
        (false, true, true) => b"GET / HTTP/1.0\r\nhost:-\r\nconnection:keep-alive\r\n\r\n",
        (true, false, _) => b"HEAD / HTTP/1.1\r\nhost:-\r\nconnection:close\r\n\r\n",
        (false, false, _) => LAST,
    };
    Bytes::from_static(plain)
}
