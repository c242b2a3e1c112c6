//! Where a daemon listens, and how it treats connections.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::quota::Patience;

options! {
    /// Where a daemon listens, and how it treats connections.
    pub struct ListenConfig in "DEFAULT" {
        /// The address to listen on. 0.0.0.0 is every IPv4 address, :: every address.
        bind_host: IpAddr = "0.0.0.0", restart;
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
    }
}

impl ListenConfig {
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
