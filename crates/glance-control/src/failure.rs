//! Why something could not be done with a server.

use std::io;
use std::path::PathBuf;

use crate::server::Server;

/// Why something could not be done with a server. Every one means exit status 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{server} appears to already be running: pid {pid} ({})", pid_file.display())]
    AlreadyRunning {
        server: Server,
        pid: u32,
        pid_file: PathBuf,
    },
    #[error("Unable to find the program {0} beside glance-control or in PATH")]
    NoProgram(Server),
    #[error("Unable to launch {server}")]
    Launch { server: Server, source: io::Error },
    #[error("{server} did not come up: {reason}{said}")]
    DidNotComeUp {
        server: Server,
        reason: String,
        said: String,
    },
    #[error("{server} (pid {pid}) has not become ready within {seconds} seconds; it still runs")]
    NotReady {
        server: Server,
        pid: u32,
        seconds: u64,
    },
    #[error("Unable to use the file {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("Server {0} is stopped")]
    Stopped(Server),
    #[error("Unable to signal {server} (pid {pid})")]
    Signal {
        server: Server,
        pid: u32,
        source: io::Error,
    },
    #[error("Waited {seconds} seconds for {server} (pid {pid}) to die; giving up")]
    StillRuns {
        server: Server,
        pid: u32,
        seconds: u64,
    },
}

impl Failure {
    /// A failure to use the file at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
