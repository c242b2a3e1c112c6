//! Where a daemon listens, and how it treats connections.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bind_host::BindHost;
use crate::quota::Patience;
use crate::socket_path::SocketPath;

options! {
    /// Where a daemon listens, and how it treats connections.
    pub struct ListenConfig in "DEFAULT" {
        /// The address to listen on. 0.0.0.0 is every IPv4 address, :: every address. The default
        /// of glance-registry is 127.0.0.1: it believes what it is told (Glance's is 0.0.0.0).
        /// glance-registry can listen on a Unix socket instead, for glance-api on the same host:
        /// unix:/path, with the permissions of registry_socket_mode (section service) and without
        /// TLS. A socket that nobody listens on any more is replaced, and it goes when the daemon
        /// stops.
        bind_host: BindHost = "0.0.0.0", restart;
        /// The TCP port to listen on; 0 lets the system choose one.
        /// 9292 is the default of glance-api, 9191 that of glance-registry.
        bind_port: u16 = "9292", restart;
        /// How many connections may wait to be accepted.
        backlog: NonZeroU32 = "4096", restart;
        /// Threads that serve requests. Unset: one for each CPU. 0: one.
        /// (Glance starts that many processes; here they are threads of one process.)
        workers: Option<usize> = unset, restart;
        /// Seconds a connection may idle before the system probes whether the peer is still there.
        tcp_keepidle: NonZeroU32 = "600", restart;
        /// The longest header line that is accepted, in bytes; a longer one is answered by 400.
        max_header_line: NonZeroUsize = "16384", restart;
        /// Whether a connection may serve further requests after the first.
        http_keepalive: bool = "true", restart;
        /// Seconds a connection may pass no byte before it is closed. 0: without limit.
        client_socket_timeout: Patience = "900", restart;
        /// The certificate that the daemon shows, followed by those between it and its authority: a
        /// file in PEM form. With key_file: the daemon speaks TLS (https), and nothing else.
        /// A changed file is read on SIGHUP, for connections made from then on.
        cert_file: Option<PathBuf> = unset, live;
        /// The private key of the certificate, in PEM form and without a passphrase.
        key_file: Option<PathBuf> = unset, live;
        /// Certificates of authorities, in PEM form. Set: who connects must show a certificate that
        /// one of them has signed.
        ca_file: Option<PathBuf> = unset, live;
    }
}

/// Where the certificates are that a daemon needs to speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFiles<'a> {
    /// What it shows.
    pub cert_file: &'a Path,
    /// The key of that.
    pub key_file: &'a Path,
    /// Who must have signed what clients show, if they must show something.
    pub ca_file: Option<&'a Path>,
}

impl ListenConfig {
    /// The files of TLS, if the daemon is to speak it.
    pub fn tls(&self) -> Option<TlsFiles<'_>> {
        Some(TlsFiles {
            cert_file: self.cert_file.as_deref()?,
            key_file: self.key_file.as_deref()?,
            ca_file: self.ca_file.as_deref(),
        })
    }

    /// What is missing of certificate and key, if only one is named; or that there is no TLS over a
    /// Unix socket.
    pub(crate) fn conflict(&self) -> Option<String> {
        let text = if self.cert_file.is_some() != self.key_file.is_some() {
            "[DEFAULT] cert_file, key_file: TLS needs both"
        } else if self.tls().is_some() && self.socket().is_some() {
            "[DEFAULT] bind_host, cert_file: no TLS is spoken over a Unix socket; unset one of them"
        } else {
            return None;
        };
        Some(text.to_owned())
    }

    /// The Unix socket to listen on, if it is one.
    pub fn socket(&self) -> Option<&SocketPath> {
        match &self.bind_host {
            BindHost::Socket(path) => Some(path),
            BindHost::Address(_) => None,
        }
    }

    /// The address to listen on, if it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.bind_host {
            BindHost::Address(address) => Some((address, self.bind_port).into()),
            BindHost::Socket(_) => None,
        }
    }

    /// Where to listen, as logs and errors name it: `host:port`, or `unix:/path`.
    pub fn place(&self) -> String {
        match &self.bind_host {
            BindHost::Address(address) => SocketAddr::from((*address, self.bind_port)).to_string(),
            BindHost::Socket(path) => path.to_string(),
        }
    }

    /// What an operator may think he has. Glance goes on in silence.
    pub(crate) fn remark(&self) -> Option<String> {
        let text = "[DEFAULT] ca_file does nothing without cert_file and key_file: everybody may \
                    connect, and without TLS";
        let alone = self.ca_file.is_some() && self.tls().is_none();
        alone.then(|| text.to_owned())
    }

    /// How many threads serve requests, at least one.
    pub fn worker_threads(&self) -> usize {
        match self.workers {
            Some(count) => count.max(1),
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }

    /// The time without a byte in which a connection is probed.
    pub fn keep_idle(&self) -> Duration {
        Duration::from_secs(self.tcp_keepidle.get().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::OptionValue;

    #[test]
    fn tls_takes_a_certificate_and_its_key() {
        let listen = |given: [bool; 3]| {
            let [cert_file, key_file, ca_file] = given.map(|given| given.then(|| "f".into()));
            ListenConfig {
                cert_file,
                key_file,
                ca_file,
                ..ListenConfig::default()
            }
        };
        for (given, speaks, conflicts, remarks) in [
            ([false, false, false], false, false, false),
            ([true, true, false], true, false, false),
            ([true, true, true], true, false, false),
            ([true, false, false], false, true, false),
            ([false, true, true], false, true, true),
            ([false, false, true], false, false, true),
        ] {
            let listen = listen(given);
            assert_eq!(listen.tls().is_some(), speaks, "{given:?}");
            assert_eq!(listen.conflict().is_some(), conflicts, "{given:?}");
            assert_eq!(listen.remark().is_some(), remarks, "{given:?}");
        }
    }

    #[test]
    fn a_unix_socket_takes_no_certificate() {
        let mut listen = ListenConfig {
            bind_host: BindHost::parse("/run/r.sock").unwrap(),
            ..ListenConfig::default()
        };
        assert_eq!(listen.conflict(), None);
        assert_eq!(listen.place(), "unix:/run/r.sock");
        (listen.cert_file, listen.key_file) = (Some("c".into()), Some("k".into()));
        assert!(listen.conflict().is_some());
        listen.bind_host = BindHost::parse("::1").unwrap();
        assert_eq!(listen.conflict(), None);
        assert_eq!(listen.place(), "[::1]:9292");
    }

    #[test]
    fn always_has_a_worker() {
        let workers = |workers| {
            ListenConfig {
                workers,
                ..ListenConfig::default()
            }
            .worker_threads()
        };
        assert_eq!(workers(Some(0)), 1);
        assert_eq!(workers(Some(7)), 7);
        assert!(workers(None) >= 1);
    }
}
