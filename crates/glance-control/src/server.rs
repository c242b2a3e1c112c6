//! The servers, their programs and their pid files.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use rustix::fs::{Access, access};
use rustix::process::getuid;

use crate::args::Options;

/// Where pid files are unless said otherwise.
const RUN_DIRECTORY: &str = "/var/run/glance";

/// A server that can be controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// glance-registry.
    Registry,
    /// glance-api.
    Api,
}

impl Server {
    /// All of them, in the order in which they are started.
    pub(crate) const ALL: [Self; 2] = [Self::Registry, Self::Api];

    /// The program's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Registry => "glance-registry",
            Self::Api => "glance-api",
        }
    }

    /// The program beside this one, else the first in `PATH`.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let own = env::current_exe().ok();
        let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
        let path = env::var_os("PATH").unwrap_or_default();
        let places = beside.into_iter().chain(env::split_paths(&path));
        places
            .map(|directory| directory.join(self.name()))
            .find(|program| program.is_file() && access(program, Access::EXEC_OK).is_ok())
    }

    /// Where the pid file of a server is to be written: the path that was asked for, else the
    /// usual place, else one in a directory of the caller's own. The second value is true if it
    /// is the last.
    pub(crate) fn new_pid_file(self, options: &Options) -> (PathBuf, bool) {
        let usual = self
            .pid_file_asked_for(options)
            .unwrap_or_else(|| self.usual_pid_file());
        if usual != self.usual_pid_file() {
            return (usual, false);
        }
        // Without the right to make it, the access below fails.
        let _ = fs::create_dir_all(RUN_DIRECTORY);
        if access(RUN_DIRECTORY, Access::WRITE_OK).is_ok() {
            return (usual, false);
        }
        (self.own_pid_file(), true)
    }

    /// Where the pid file of a running server is, if it has one.
    pub(crate) fn pid_file(self, options: &Options) -> PathBuf {
        if let Some(path) = self.pid_file_asked_for(options) {
            return path;
        }
        let own = self.own_pid_file();
        if !self.usual_pid_file().exists() && own.exists() && is_our_own(own.parent()) {
            return own;
        }
        self.usual_pid_file()
    }

    fn pid_file_asked_for(self, options: &Options) -> Option<PathBuf> {
        let in_directory = |directory: &PathBuf| directory.join(format!("{}.pid", self.name()));
        options
            .pid_file
            .clone()
            .or_else(|| options.run_dir.as_ref().map(in_directory))
    }

    fn usual_pid_file(self) -> PathBuf {
        Path::new(RUN_DIRECTORY).join(format!("{}.pid", self.name()))
    }

    fn own_pid_file(self) -> PathBuf {
        let directory = env::temp_dir().join(format!("glance-{}", getuid().as_raw()));
        directory.join(format!("{}.pid", self.name()))
    }
}

/// Makes the directory of a pid file if need be. In a directory that everybody may write to, it
/// must turn out to be the caller's own: nobody else may decide which process is signalled.
pub(crate) fn prepare_directory(pid_file: &Path) -> std::io::Result<()> {
    let Some(directory) = pid_file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    if !directory.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)?;
    }
    let shared = directory.parent() == Some(env::temp_dir().as_path());
    if shared && !is_our_own(Some(directory)) {
        return Err(std::io::Error::other(
            "the directory belongs to somebody else",
        ));
    }
    Ok(())
}

fn is_our_own(directory: Option<&Path>) -> bool {
    let metadata = directory.and_then(|directory| fs::symlink_metadata(directory).ok());
    metadata.is_some_and(|metadata| metadata.is_dir() && metadata.uid() == getuid().as_raw())
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
