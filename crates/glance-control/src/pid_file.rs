//! The file that says which process is a server.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::process;
use crate::server::Server;

/// What follows the pid while the server is being stopped, for the eyes of its supervisor.
const STOPPING: &str = "stopping";

/// What a pid file says, compared with what runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no pid file.
    Absent,
    /// The server runs as this process.
    Running(u32),
    /// The process is gone, or is another program.
    Stale,
}

/// A server's pid file.
#[derive(Clone, Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// The file at `path`, which need not exist.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file beside it, with `suffix` after its name.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// Keeps others from starting the same server until the returned file is dropped.
    pub(crate) fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.beside(".lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// What it says of `server`.
    pub(crate) fn state(&self, server: Server) -> State {
        if !self.path.exists() {
            return State::Absent;
        }
        match self.pid() {
            Some(pid) if process::is(pid, server.name()) => State::Running(pid),
            _ => State::Stale,
        }
    }

    /// The pid in it, whether or not such a process exists.
    pub(crate) fn pid(&self) -> Option<u32> {
        let text = fs::read_to_string(&self.path).ok()?;
        text.lines()
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|pid| *pid > 0)
    }

    /// Writes `pid` into it, at once and whole.
    pub(crate) fn write(&self, pid: u32) -> io::Result<()> {
        self.replace(&format!("{pid}\n"))
    }

    /// Marks the server as one that is being stopped, so that its supervisor lets it go.
    pub(crate) fn mark_stopping(&self, pid: u32) -> io::Result<()> {
        self.replace(&format!("{pid}\n{STOPPING}\n"))
    }

    /// Whether `pid` ought to run: nobody has stopped it, nor started another in its place.
    pub(crate) fn wants(&self, pid: u32) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == pid.to_string())
    }

    /// Removes it if it still speaks of `pid`.
    pub(crate) fn remove(&self, pid: u32) {
        if self.pid() == Some(pid) {
            // What remains is recognised as stale.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let unfinished = self.beside(&format!(".{}", std::process::id()));
        let written =
            fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_running_from_stale() {
        let directory = tempfile::tempdir().unwrap();
        let file = PidFile::new(directory.path().join("x.pid"));
        assert_eq!(file.state(Server::Api), State::Absent);
        for text in ["", "nonsense", "0\n", "-3\n", "4294967294\n"] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(file.state(Server::Api), State::Stale, "{text:?}");
        }
        // This process lives, and is not glance-api.
        file.write(std::process::id()).unwrap();
        assert_eq!(file.state(Server::Api), State::Stale);
    }

    #[test]
    fn knows_who_is_wanted() {
        let directory = tempfile::tempdir().unwrap();
        let file = PidFile::new(directory.path().join("x.pid"));
        assert!(!file.wants(7));
        file.write(7).unwrap();
        assert!(file.wants(7) && !file.wants(8));
        file.mark_stopping(7).unwrap();
        assert!(!file.wants(7));
        assert_eq!(file.pid(), Some(7));
        file.remove(8);
        assert!(file.path().exists());
        file.remove(7);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
