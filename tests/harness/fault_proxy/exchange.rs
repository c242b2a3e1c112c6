//! One connection of a client: its requests, one after the other, each to the server on a
//! connection of its own.

use std::io::{BufReader, Error, ErrorKind, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::RecvFlags;
use rustix::net::sockopt::set_socket_linger;

use super::body::{self, End};
use super::fault::{Canned, Fault, Trouble};
use super::head::{Framing, Head};
use super::{Case, Shared};

const BUFFER: usize = 64 * 1024;

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
    Reset,
}

/// Serves a client until its connection ends.
pub(super) fn serve(client: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::with_capacity(BUFFER, client);
    while let Ok(Some(head)) = Head::read(&mut reader) {
        let case = shared.note(&head);
        let then = match &case.fault {
            Some(Fault::Answer(canned)) => refuse(&mut reader, client, &head, canned),
            _ => forward(&mut reader, client, &head, &case),
        };
        match then.unwrap_or(Then::Reset) {
            Then::Keep => {}
            Then::Close => return,
            Then::Reset => return reset(client),
        }
    }
}

/// Makes the end of a connection a reset instead of an orderly one, once nobody holds it any more.
pub(super) fn reset(connection: &TcpStream) {
    // If it is gone already, so much the better.
    let _ = set_socket_linger(connection, Some(Duration::ZERO));
}

fn refuse(
    reader: &mut BufReader<&TcpStream>,
    mut client: &TcpStream,
    head: &Head,
    canned: &Canned,
) -> Result<Then> {
    let waits = head.header("Expect").is_some();
    if !waits && !body::drop_all(reader, head.request_framing()) {
        return Ok(Then::Close);
    }
    let closes = waits || head.closes();
    let connection = if closes { "close" } else { "keep-alive" };
    let Canned { status, kind, body } = canned;
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: \
         {connection}\r\n\r\n",
        body.len()
    );
    client.write_all(answer.as_bytes())?;
    if head.word(0) != "HEAD" {
        client.write_all(body.as_bytes())?;
    }
    if !closes {
        return Ok(Then::Keep);
    }
    linger(reader, client);
    Ok(Then::Close)
}

fn forward(
    reader: &mut BufReader<&TcpStream>,
    client: &TcpStream,
    head: &Head,
    case: &Case<'_>,
) -> Result<Then> {
    let server = case.shared.connect()?;
    let sent = case.fault.as_ref().and_then(Fault::sent);
    let framing = head.request_framing();
    let mut forwarded = head.clone();
    if let (Framing::Length(length), Some(trouble)) = (framing, sent) {
        forwarded.set("Content-Length", &trouble.length(length).to_string());
    }
    (&*server).write_all(&forwarded.bytes())?;
    let (upload, answer) = std::thread::scope(|scope| {
        let upload = scope.spawn(|| {
            let mut to = Patient {
                to: &server,
                broken: false,
            };
            let end = body::pass(reader, &mut to, framing, sent, &|| case.is_healed());
            if end == End::Stalled {
                case.wait_until_healed(client);
            }
            match end {
                End::Whole | End::ReceiverGone => {}
                // What the server says of half a body is for the client to hear.
                End::Cut => drop(server.shutdown(Shutdown::Write)),
                End::SenderGone | End::Stalled | End::Reset => {
                    reset(&server);
                    drop(server.shutdown(Shutdown::Both));
                }
            }
            end
        });
        let answer = answer(client, &server, head, case);
        if !matches!(answer, Ok(Then::Keep)) {
            if matches!(answer, Ok(Then::Close)) {
                // What is still on its way up must not destroy the answer.
                let _ = client.shutdown(Shutdown::Write);
            } else {
                // Wakes who reads the request; the client is told nothing by this.
                let _ = client.shutdown(Shutdown::Read);
            }
            let _ = server.shutdown(Shutdown::Both);
        }
        (upload.join(), answer)
    });
    match upload {
        Ok(End::Cut) if matches!(answer, Ok(Then::Keep)) => {
            // What was not passed on is no request, and must not destroy the answer.
            linger(reader, client);
            Ok(Then::Close)
        }
        Ok(End::Whole | End::Cut | End::ReceiverGone) => answer,
        _ => Ok(Then::Reset),
    }
}

fn answer(
    mut client: &TcpStream,
    server: &TcpStream,
    request: &Head,
    case: &Case<'_>,
) -> Result<Then> {
    let mut reader = BufReader::with_capacity(BUFFER, server);
    let to_head = request.word(0) == "HEAD";
    let (mut head, status) = loop {
        let head = Head::read(&mut reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        let status = head.status()?;
        if status >= 200 {
            break (head, status);
        }
        client.write_all(&head.bytes())?;
    };
    let framing = head.answer_framing(to_head, status);
    let mut trouble = None;
    match &case.fault {
        Some(Fault::StallHead) => {
            case.wait_until_healed(client);
            return Ok(Then::Reset);
        }
        Some(Fault::ResetHead) => return Ok(Then::Reset),
        Some(Fault::Header(name, value)) => head.set(name, value),
        Some(Fault::Received(received)) => {
            if let Some(length) = head.header("Content-Length") {
                let length = length.parse().map_err(Error::other)?;
                head.set("Content-Length", &received.length(length).to_string());
            }
            trouble = Some(*received).filter(|_| !to_head);
        }
        Some(Fault::Answer(_) | Fault::Sent(_)) | None => {}
    }
    client.write_all(&head.bytes())?;
    match body::pass(&mut reader, &mut client, framing, trouble, &|| {
        case.is_healed()
    }) {
        End::Whole => {
            let trailing = matches!(trouble, Some(Trouble::Trailing(_)));
            let closes = request.closes() || head.closes() || framing == Framing::UntilClosed;
            Ok(if closes || trailing {
                Then::Close
            } else {
                Then::Keep
            })
        }
        End::Stalled => {
            case.wait_until_healed(client);
            Ok(Then::Reset)
        }
        End::Cut => Ok(Then::Close),
        End::Reset | End::SenderGone | End::ReceiverGone => Ok(Then::Reset),
    }
}

/// Closes without destroying the answer by what the client still sends.
fn linger(reader: &mut BufReader<&TcpStream>, client: &TcpStream) {
    let _ = client.shutdown(Shutdown::Write);
    body::drop_all(reader, Framing::UntilClosed);
}

/// Whether the peer has closed. What it sent meanwhile stays to be read, and hides that.
pub(super) fn is_gone(connection: &TcpStream) -> bool {
    let mut byte = [0_u8; 1];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(connection, &mut byte, flags) {
        Ok((_, count)) => count == 0,
        Err(error) => error != rustix::io::Errno::AGAIN,
    }
}

/// A server that may have heard enough: what it does not take is dropped, so that the client can be
/// told its answer.
struct Patient<'a> {
    to: &'a TcpStream,
    broken: bool,
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.broken {
            return Ok(bytes.len());
        }
        match self.to.write(bytes) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.broken = true;
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
