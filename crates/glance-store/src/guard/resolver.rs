//! Names to addresses.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Lookups at the same time. Each holds a blocking thread for as long as the system's resolver
/// takes, whoever still waits for it, and the file store needs such threads, too.
const LOOKUPS: usize = 16;

/// Who knows the addresses of names.
#[derive(Debug)]
pub(super) enum Resolver {
    /// The system, on a blocking thread.
    System(Arc<Semaphore>),
    /// A test, which says what each lookup answers; the last answer stays.
    #[cfg(test)]
    Script(std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>),
}

impl Resolver {
    pub(super) fn system() -> Self {
        Self::System(Arc::new(Semaphore::new(LOOKUPS)))
    }

    pub(super) async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System(lookups) => {
                let turn = lookups.clone().acquire_owned().await;
                let name = name.to_owned();
                let lookup = spawn_blocking(move || {
                    let _turn = turn;
                    let found = (name.as_str(), 0).to_socket_addrs()?;
                    Ok(found.map(|address| address.ip()).collect())
                });
                lookup.await.map_err(io::Error::other)?
            }
            #[cfg(test)]
            Self::Script(answers) => {
                let mut answers = answers
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let answer = if answers.len() > 1 {
                    answers.pop_front()
                } else {
                    None
                };
                Ok(answer
                    .or_else(|| answers.front().cloned())
                    .unwrap_or_default())
            }
        }
    }
}
