//! One connection with everything in the story's hands: halves of bodies, interim answers, haste.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use crate::wire::Wire;
use crate::{Request, Response, Tls, within};

/// How long an answer may take before the story fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection to a daemon.
pub struct Connection {
    wire: Wire,
    host: String,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(host: &str) -> std::io::Result<Self> {
        Ok(Self::over(Wire::Plain(connected(host)?), host))
    }

    /// The same, with TLS.
    pub fn open_tls(host: &str, tls: &Tls) -> std::io::Result<Self> {
        let tls = tls.greet(connected(host)?)?;
        Ok(Self::over(Wire::Tls(Box::new(tls)), host))
    }

    fn over(wire: Wire, host: &str) -> Self {
        Self {
            wire,
            host: host.to_owned(),
            unread: Vec::new(),
        }
    }

    /// Sends these bytes.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.wire.send(bytes)
    }

    /// Sends a request's line and headers, not its body.
    pub fn send_head(&mut self, request: &Request) -> std::io::Result<()> {
        let bytes = request.head_bytes(&self.host);
        self.write(&bytes)
    }

    /// Sends a request and reads its final answer. A server may refuse a body and close before it
    /// has taken it all: then what it answered counts, not the failed write.
    pub fn exchange(&mut self, request: &Request) -> std::io::Result<Response> {
        let mut bytes = request.head_bytes(&self.host);
        bytes.extend(request.body_bytes());
        let written = self.write(&bytes);
        match self.response(request.is_head()) {
            Ok(response) => Ok(response),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }

    /// Reads the final answer, passing over interim ones.
    pub fn response(&mut self, to_head: bool) -> std::io::Result<Response> {
        loop {
            let mut response = self.response_head()?;
            if (100..200).contains(&response.status) {
                continue;
            }
            let bodiless = to_head || matches!(response.status, 204 | 304);
            if !bodiless {
                self.read_body(&mut response)?;
            }
            return Ok(response);
        }
    }

    /// Reads one status line with its headers, interim or final, and no body.
    pub fn response_head(&mut self) -> std::io::Result<Response> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            if self.read_more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ').skip(1);
        let status = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(ErrorKind::InvalidData)?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let reason = words.next().unwrap_or_default().to_owned();
        Ok(Response {
            status,
            reason,
            headers,
            body: Vec::new(),
            complete: true,
        })
    }

    /// Reads at most `count` bytes of whatever comes next; fewer only at the end of the connection.
    pub fn read_up_to(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        while self.unread.len() < count && self.read_more()? > 0 {}
        let count = count.min(self.unread.len());
        Ok(self.unread.drain(..count).collect())
    }

    /// Everything that comes until the server has been silent for `silence` or has closed, and
    /// whether it closed.
    pub fn read_until_silent(&mut self, silence: Duration) -> (Vec<u8>, bool) {
        self.wire
            .wait_at_most(silence)
            .expect("a time that is not zero");
        let closed = loop {
            match self.read_more() {
                Ok(0) => break true,
                Ok(_) => (),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break false;
                }
                Err(_) => break true,
            }
        };
        self.wire
            .wait_at_most(PATIENCE)
            .expect("a time that is not zero");
        (std::mem::take(&mut self.unread), closed)
    }

    /// Whether the server closes the connection [`within`] `limit`; what it still says is dropped.
    pub fn closes_within(&mut self, limit: Duration) -> bool {
        let mut closed = || self.read_until_silent(Duration::from_millis(100)).1;
        within(limit, || closed().then_some(())).is_some()
    }

    fn read_body(&mut self, response: &mut Response) -> std::io::Result<()> {
        let chunked = response
            .header("Transfer-Encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            return self.read_chunks(response);
        }
        let Some(length) = response.header("Content-Length") else {
            while self.read_more()? > 0 {}
            response.body = std::mem::take(&mut self.unread);
            return Ok(());
        };
        let length: usize = length.parse().map_err(|_| ErrorKind::InvalidData)?;
        response.body = self.read_tolerant(length);
        response.complete = response.body.len() == length;
        Ok(())
    }

    fn read_chunks(&mut self, response: &mut Response) -> std::io::Result<()> {
        loop {
            let line = loop {
                if let Some(at) = find(&self.unread, b"\r\n") {
                    break self.unread.drain(..at + 2).collect::<Vec<u8>>();
                }
                if self.read_more().unwrap_or(0) == 0 {
                    response.complete = false;
                    return Ok(());
                }
            };
            let text = String::from_utf8_lossy(&line);
            let digits = text.trim().split(';').next().unwrap_or_default().to_owned();
            let size = usize::from_str_radix(&digits, 16).map_err(|_| ErrorKind::InvalidData)?;
            let piece = self.read_tolerant(size + 2);
            if piece.len() < size + 2 {
                response
                    .body
                    .extend_from_slice(&piece[..piece.len().min(size)]);
                response.complete = false;
                return Ok(());
            }
            response.body.extend_from_slice(&piece[..size]);
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// A transfer that is cut, cleanly or by a reset, is an answer that is not complete.
    fn read_tolerant(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count && self.read_more().unwrap_or(0) > 0 {}
        let count = count.min(self.unread.len());
        self.unread.drain(..count).collect()
    }

    fn read_more(&mut self) -> std::io::Result<usize> {
        let mut buffer = vec![0; 64 * 1024];
        let count = loop {
            match self.wire.receive(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                read => break read?,
            }
        };
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn connected(host: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
