//! A request head: parsed, checked, kept as it came, and written into actix's request.

use std::{mem::MaybeUninit, ops::Range, rc::Rc};

use actix_http::Request;
use actix_web::http::{
    Method, Uri, Version,
    header::{HeaderName, HeaderValue},
};
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::refusal::Refusal;

/// Four times the properties that an image may have by default.
const MAX_HEADERS: usize = 512;
/// Enough for most requests, so that these do not touch the stack that many headers need.
const FEW_HEADERS: usize = 64;

/// What a URI cannot hold literally although it comes over the wire.
const NOT_IN_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^');

/// How long the body of a request is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none: no Content-Length, a zero or a negative one (Glance takes it for none).
    Empty,
    /// So many bytes, from Content-Length.
    Known(u64),
    /// It is chunked.
    Chunked,
}

/// A request head as it came over the wire.
#[derive(Debug)]
pub struct Head {
    raw: Bytes,
    method: Method,
    target: Range<usize>,
    version: Version,
    lines: Vec<Line>,
    body: BodyLength,
    keep_alive: bool,
    expects_continue: bool,
}

#[derive(Debug)]
struct Line {
    name: Range<usize>,
    value: Range<usize>,
}

impl Head {
    /// The method, spelled as it came.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The request target as it came: with doubled slashes, a scheme and host, or unescaped bytes,
    /// all of which the request's URI may have lost.
    pub fn target(&self) -> &[u8] {
        &self.raw[self.target.clone()]
    }

    /// All headers in the order of their arrival, names spelled as they came, values trimmed and not
    /// necessarily UTF-8.
    ///
    /// A negative Content-Length is left out. Repeated headers come repeatedly.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().filter_map(|line| {
            let name = std::str::from_utf8(&self.raw[line.name.clone()]).ok()?;
            Some((name, &self.raw[line.value.clone()]))
        })
    }

    /// The declared length of the body.
    pub fn body(&self) -> BodyLength {
        self.body
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Whether the client wants to send another request after this one.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Reads the head that `bytes` begins with; `None` if it is not complete.
    ///
    /// Returns its length too.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Rc<Self>, usize)>, Refusal> {
        match Self::parse_up_to::<FEW_HEADERS>(bytes) {
            Err(Refusal::TooManyHeaders) => Self::parse_up_to::<MAX_HEADERS>(bytes),
            parsed => parsed,
        }
    }

    fn parse_up_to<const HEADERS: usize>(
        bytes: &[u8],
    ) -> Result<Option<(Rc<Self>, usize)>, Refusal> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADERS];
        let mut request = httparse::Request::new(&mut []);
        let status = request.parse_with_uninit_headers(bytes, &mut slots);
        let httparse::Status::Complete(length) = status.map_err(refuse)? else {
            return Ok(None);
        };
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::BadRequestLine);
        };

        let raw = Bytes::copy_from_slice(&bytes[..length]);
        let within = |part: &[u8]| {
            let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
            start..start + part.len()
        };
        let mut traits = Traits::default();
        let mut lines = Vec::with_capacity(request.headers.len());
        for header in request.headers.iter() {
            let value = header.value.trim_ascii();
            if traits.keep(header.name, value)? {
                lines.push(Line {
                    name: within(header.name.as_bytes()),
                    value: within(value),
                });
            }
        }
        let target = within(target.as_bytes());
        let head = Rc::new(Self {
            method: Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::BadRequestLine)?,
            target,
            version: if minor == 0 {
                Version::HTTP_10
            } else {
                Version::HTTP_11
            },
            lines,
            body: traits.body(minor)?,
            keep_alive: !traits.close && (minor > 0 || traits.keep_alive),
            expects_continue: traits.expects_continue && minor > 0,
            raw,
        });
        Ok(Some((head, length)))
    }

    /// The target as a URI that routing can work with: escaped where needed, `/` where there is none.
    fn uri(&self) -> Uri {
        if let Ok(uri) = Uri::from_maybe_shared(self.raw.slice(self.target.clone()))
            && !uri.path().is_empty()
        {
            return uri;
        }
        let escaped = percent_encode(self.target(), NOT_IN_URI).to_string();
        match Uri::try_from(escaped) {
            Ok(uri) if uri.path().starts_with('/') => uri,
            _ => Uri::from_static("/"),
        }
    }

    /// Replaces the head that actix was given by this one.
    pub(super) fn write_into(&self, request: &mut Request) {
        let head = request.head_mut();
        head.method = self.method.clone();
        head.uri = self.uri();
        head.version = self.version;
        head.headers.clear();
        for line in &self.lines {
            // Both were checked by the parser, so nothing is lost here.
            let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(&self.raw[line.name.clone()]),
                HeaderValue::from_maybe_shared(self.raw.slice(line.value.clone())),
            ) else {
                continue;
            };
            head.headers.append(name, value);
        }
    }
}

/// What the headers say about the connection and the body.
#[derive(Debug, Default)]
struct Traits {
    length: Option<u64>,
    no_length: bool,
    chunked: bool,
    host: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Traits {
    /// Notes a header; false if it must be dropped.
    fn keep(&mut self, name: &str, value: &[u8]) -> Result<bool, Refusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => return first(&mut self.host),
            6 if name.eq_ignore_ascii_case("expect") => {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => return self.length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::UnknownTransferEncoding);
                }
                return first(&mut self.chunked);
            }
            _ => {}
        }
        Ok(true)
    }

    fn length(&mut self, value: &[u8]) -> Result<bool, Refusal> {
        let (negative, digits) = match value {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::BadHeader);
        }
        if negative {
            // Glance takes a negative length for none.
            self.no_length = true;
            return Ok(false);
        }
        let length = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(Refusal::BadHeader)?;
        if self
            .length
            .replace(length)
            .is_some_and(|before| before != length)
        {
            return Err(Refusal::BadHeader);
        }
        Ok(true)
    }

    fn body(&self, minor: u8) -> Result<BodyLength, Refusal> {
        let several = usize::from(self.chunked)
            + usize::from(self.length.is_some())
            + usize::from(self.no_length);
        if several > 1 || (self.chunked && minor == 0) {
            return Err(Refusal::BadHeader);
        }
        Ok(match self.length {
            _ if self.chunked => BodyLength::Chunked,
            None | Some(0) => BodyLength::Empty,
            Some(length) => BodyLength::Known(length),
        })
    }
}

/// Keeps a header that may come but once.
fn first(seen: &mut bool) -> Result<bool, Refusal> {
    if std::mem::replace(seen, true) {
        Err(Refusal::BadHeader)
    } else {
        Ok(true)
    }
}

fn refuse(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::Token | httparse::Error::Version => Refusal::BadRequestLine,
        httparse::Error::TooManyHeaders => Refusal::TooManyHeaders,
        _ => Refusal::BadHeader,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Rc<Head>, Refusal> {
        Head::parse(head.as_bytes()).map(|parsed| parsed.unwrap().0)
    }

    fn with(headers: &str) -> Result<Rc<Head>, Refusal> {
        parse(&format!(
            "POST /v1/images HTTP/1.1\r\nHost: h\r\n{headers}\r\n"
        ))
    }

    #[test]
    fn keeps_the_order_and_the_bytes_of_headers() {
        let head =
            Head::parse(b"GET / HTTP/1.1\r\nX-b:  1 \r\nx_a: \xff\xfe\r\nX-B: 2\r\n\r\nrest");
        let (head, length) = head.unwrap().unwrap();
        assert_eq!(length, 45);
        let headers: Vec<_> = head.headers().collect();
        assert_eq!(
            headers,
            [("X-b", &b"1"[..]), ("x_a", b"\xff\xfe"), ("X-B", b"2")]
        );
    }

    #[test]
    fn knows_how_long_the_body_is() {
        assert_eq!(with("").unwrap().body(), BodyLength::Empty);
        assert_eq!(
            with("Content-Length: 0\r\n").unwrap().body(),
            BodyLength::Empty
        );
        assert_eq!(
            with("Content-Length: 12\r\n").unwrap().body(),
            BodyLength::Known(12)
        );
        assert_eq!(
            with("Transfer-Encoding: Chunked\r\n").unwrap().body(),
            BodyLength::Chunked
        );
        let negative = with("Content-Length: -5\r\n").unwrap();
        assert_eq!(negative.body(), BodyLength::Empty);
        assert_eq!(negative.headers().count(), 1);
    }

    #[test]
    fn refuses_ambiguous_lengths() {
        for bad in [
            "Content-Length: abc\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nContent-Length: -5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: other\r\n",
            "X: a\r\n folded\r\n",
            "X: a\0b\r\n",
            "X: a\rb\r\n",
            "X : a\r\n",
        ] {
            assert_eq!(with(bad).err(), Some(Refusal::BadHeader), "{bad:?}");
        }
        let gzip = with("Transfer-Encoding: gzip, chunked\r\n");
        assert_eq!(gzip.err(), Some(Refusal::UnknownTransferEncoding));
    }

    #[test]
    fn keeps_the_target_as_it_came() {
        for (target, path) in [
            ("//v1/images", "//v1/images"),
            ("http://h/v1/images", "/v1/images"),
            ("/v1/images/<a>", "/v1/images/%3Ca%3E"),
            ("/\u{e9}", "/%C3%A9"),
            ("*", "*"),
            ("host:80", "/"),
        ] {
            let head = parse(&format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap();
            assert_eq!(head.target(), target.as_bytes());
            assert_eq!(head.uri().path(), path, "{target}");
        }
    }
}
