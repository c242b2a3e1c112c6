//! Names to addresses.

use std::io;
use std::net::IpAddr;

/// Who knows the addresses of names.
#[derive(Debug)]
pub(super) enum Resolver {
    /// The system, on a blocking thread.
    System,
    /// A test, which says what each lookup answers; the last answer stays.
    #[cfg(test)]
    Script(std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>),
}

impl Resolver {
    pub(super) async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
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
