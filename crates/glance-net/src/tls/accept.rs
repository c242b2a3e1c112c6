//! The first moments of an accepted connection: the handshake, or a word to whoever speaks no TLS.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::ServerTls;
use crate::socket::{Counted, Socket};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// What whoever speaks HTTP is told, as by other servers.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 28\r\nConnection: close\r\n\r\nThis port speaks HTTPS only.";

/// How long such a client may take to hear it, and how much of what he sends is read meanwhile: a
/// connection that is closed on unread bytes is reset, and he would not hear it.
const FAREWELL: Duration = Duration::from_secs(1);
const UNREAD: usize = 64 * 1024;

/// Why a connection came to nothing.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The client went away before it said anything, as load balancers that only look do.
    #[error("nothing was said")]
    Silent,
    /// It took too long.
    #[error("no handshake within {0} seconds")]
    Slow(u64),
    /// The client speaks something else. One who speaks HTTP was told.
    #[error("it is no TLS")]
    Plain,
    /// Client and server do not agree, or one does not believe the other.
    #[error("the handshake fails")]
    Failed(#[source] io::Error),
}

impl Socket {
    /// An accepted connection, after its handshake if there is TLS; everything together has
    /// `patience`. None if nothing comes of it: then the log says why.
    pub async fn accepted(
        tcp: TcpStream,
        tls: Option<&ServerTls>,
        patience: Duration,
    ) -> Option<Self> {
        let Some(tls) = tls else {
            return Some(Self::Plain(tcp));
        };
        let peer = tcp.peer_addr().ok()?;
        let refused = match tls.accept(tcp, patience).await {
            Ok(socket) => return Some(socket),
            Err(HandshakeError::Silent) => return None,
            Err(HandshakeError::Failed(source)) => format!("the handshake fails: {source}"),
            Err(refused) => refused.to_string(),
        };
        log::info!("no connection with {peer}: {refused}");
        None
    }
}

impl ServerTls {
    /// Makes an accepted connection one of TLS; everything together has `patience`.
    pub async fn accept(
        &self,
        tcp: TcpStream,
        patience: Duration,
    ) -> Result<Socket, HandshakeError> {
        timeout(patience, self.handshake(tcp))
            .await
            .unwrap_or(Err(HandshakeError::Slow(patience.as_secs())))
    }

    async fn handshake(&self, tcp: TcpStream) -> Result<Socket, HandshakeError> {
        let mut first = [0];
        match tcp.peek(&mut first).await {
            Ok(0) | Err(_) => return Err(HandshakeError::Silent),
            Ok(_) if first[0] == HANDSHAKE => {}
            Ok(_) => {
                if first[0].is_ascii_alphabetic() {
                    // He need not listen.
                    let _ = timeout(FAREWELL, refuse(tcp)).await;
                }
                return Err(HandshakeError::Plain);
            }
        }
        let acceptor = TlsAcceptor::from(self.config());
        match acceptor.accept(Counted::new(tcp)).await {
            Ok(stream) => Ok(Socket::Tls(Box::new(stream))),
            Err(error) => Err(HandshakeError::Failed(error)),
        }
    }
}

async fn refuse(mut tcp: TcpStream) -> io::Result<()> {
    tcp.write_all(PLAIN).await?;
    tcp.shutdown().await?;
    let mut unread = vec![0; 8 * 1024];
    let mut left = UNREAD;
    while left > 0 {
        match tcp.read(&mut unread).await? {
            0 => return Ok(()),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
