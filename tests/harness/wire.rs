//! A stream of bytes to a daemon, with or without TLS.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// How long the next reads wait for something.
    pub(crate) fn wait_at_most(&self, patience: Duration) -> Result<()> {
        match self {
            Self::Plain(tcp) => tcp.set_read_timeout(Some(patience)),
            Self::Tls(tls) => tls.sock.set_read_timeout(Some(patience)),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes),
            Self::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
        }
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}
