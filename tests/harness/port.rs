//! Ports that nobody else on this machine takes while a story holds them.

use std::fs::File;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which systems choose ports for outgoing connections, so that only another
/// story could take one, and those agree by locked files.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

static OFFSET: AtomicU16 = AtomicU16::new(0);

/// A port of this machine's loopback address, free until this value is dropped.
#[derive(Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free port.
    pub fn take() -> Self {
        let folder = std::env::temp_dir().join("glance-test-ports");
        std::fs::create_dir_all(&folder).expect("the temporary directory can be written");
        let start = (std::process::id() % u32::from(COUNT)) as u16;
        for _ in 0..COUNT {
            let step = OFFSET.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + (start.wrapping_mul(7).wrapping_add(step)) % COUNT;
            let lock =
                File::create(folder.join(number.to_string())).expect("a lock file can be written");
            // Bound for a moment, it would be taken for longer: a program that another story just
            // starts has every socket until it really runs.
            if lock.try_lock().is_ok() && TcpStream::connect(("127.0.0.1", number)).is_err() {
                return Self {
                    number,
                    _lock: lock,
                };
            }
        }
        panic!("every port from {FIRST} on is taken");
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}
