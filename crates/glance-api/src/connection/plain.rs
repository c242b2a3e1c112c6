//! What the dispatcher is given in place of the heads that came.

use actix_web::http::{Method, Version};
use bytes::Bytes;

use super::head::{BodyLength, Head};

/// For a request that was turned away: something to answer.
pub(super) fn refused_head() -> Bytes {
    Bytes::from_static(b"GET / HTTP/1.1\r\nhost:-\r\nconnection:close\r\n\r\n")
}

/// The head that the dispatcher is given in place of the real one, and what it is given after the
/// body.
///
/// It says what the dispatcher must know to frame the body and the answer. A body of known length is
/// passed off as one single chunk, because the dispatcher goes on after an unread chunked body, and
/// otherwise closes the connection. Answers to HTTP/1.0 say HTTP/1.1, as Glance's do, unless they must
/// confirm a keep-alive.
pub(super) fn plain_head(head: &Head) -> (Bytes, &'static [u8]) {
    let confirm = head.version() == Version::HTTP_10 && head.keep_alive();
    let is_head = head.method() == Method::HEAD;
    if head.body() == BodyLength::Empty && head.keep_alive() && !confirm {
        let plain: &[u8] = if is_head {
            b"HEAD / HTTP/1.1\r\nhost:-\r\n\r\n"
        } else {
            b"GET / HTTP/1.1\r\nhost:-\r\n\r\n"
        };
        return (Bytes::from_static(plain), b"");
    }
    let method = if is_head { "HEAD" } else { "GET" };
    let (version, connection) = match (confirm, head.keep_alive()) {
        (true, _) => ("HTTP/1.0", "connection:keep-alive\r\n"),
        (false, true) => ("HTTP/1.1", ""),
        (false, false) => ("HTTP/1.1", "connection:close\r\n"),
    };
    let (body, suffix): (_, &[u8]) = match head.body() {
        BodyLength::Empty => ("\r\n".to_owned(), b""),
        BodyLength::Chunked => ("transfer-encoding:chunked\r\n\r\n".to_owned(), b""),
        BodyLength::Known(length) if confirm => (format!("content-length:{length}\r\n\r\n"), b""),
        BodyLength::Known(length) => (
            format!("transfer-encoding:chunked\r\n\r\n{length:x}\r\n"),
            b"\r\n0\r\n\r\n",
        ),
    };
    (
        format!("{method} / {version}\r\nhost:-\r\n{connection}{body}").into(),
        suffix,
    )
}
