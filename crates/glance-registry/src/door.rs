//! What the daemon listens on, from its making to its end: a port, or a socket in the file system.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use glance_config::RegistryConfig;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};

/// What connections are accepted from.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Dropped, it is shut: whoever connects is refused by the system from then on and knows that nobody
/// has seen his request. A socket's file goes, unless it is another daemon's by now.
#[derive(Debug)]
pub(crate) struct Door {
    listener: OwnedFd,
    file: Option<SocketFile>,
}

/// A socket's file.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Listener {
    /// Listens as the configuration says. A socket's file that nobody listens on any more is
    /// replaced; no other file is, and no other daemon is disturbed.
    pub(crate) fn bind(config: &RegistryConfig) -> io::Result<(Self, Door)> {
        let listen = &config.listen;
        let backlog = i32::try_from(listen.backlog.get()).unwrap_or(i32::MAX);
        let mode = config.service.registry_socket_mode.mode();
        match (listen.address(), listen.socket()) {
            (Some(address), _) => {
                let listener = TcpListener::bind(address)?;
                // It listens with another backlog; listening again only changes that.
                net::listen(&listener, backlog)?;
                let door = Door {
                    listener: listener.try_clone()?.into(),
                    file: None,
                };
                Ok((Self::Tcp(listener), door))
            }
            (None, Some(socket)) => {
                let (listener, file) = bind(socket.path(), mode, backlog)?;
                let door = Door {
                    listener: listener.try_clone()?.into(),
                    file: Some(file),
                };
                Ok((Self::Unix(listener), door))
            }
            (None, None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            file.remove();
        }
        // It is shut already, then.
        let _ = net::shutdown(&self.listener, Shutdown::Both);
    }
}

fn bind(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<(UnixListener, SocketFile)> {
    let _alone = alone_in_folder_of(path);
    clear(path)?;
    let listener = unix_socket(SocketFlags::CLOEXEC)?;
    net::bind(&listener, &SocketAddrUnix::new(path)?)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(path)?,
    };
    // Nobody can connect before it listens, so nobody connects with other permissions.
    if let Some(mode) = mode {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    net::listen(&listener, backlog)?;
    Ok((listener.into(), file))
}

fn unix_socket(flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Two daemons that start at once must not take each other's file for one that was left behind. If
/// the folder cannot be locked, they had better not.
fn alone_in_folder_of(path: &Path) -> Option<File> {
    let folder = File::open(path.parent()?).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Removes a socket that nobody listens on.
fn clear(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !there.file_type().is_socket() {
        let reason = "there is a file of that name that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
    }
    let probe = unix_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    match net::connect(&probe, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        // Whoever listens may have no time for it now.
        Ok(()) | Err(Errno::AGAIN) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error.into()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl SocketFile {
    fn remove(&self) {
        let _alone = alone_in_folder_of(&self.path);
        if identity(&self.path).is_ok_and(|present| present == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("{} stays: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn open(path: &Path) -> io::Result<(UnixListener, Door)> {
        let (listener, file) = bind(path, Some(0o640), 16)?;
        let door = Door {
            listener: listener.try_clone()?.into(),
            file: Some(file),
        };
        Ok((listener, door))
    }

    #[test]
    fn a_socket_has_its_permissions_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.sock");
        let (listener, door) = open(&path).unwrap();
        assert_eq!(mode(&path), 0o640);
        UnixStream::connect(&path).unwrap();
        drop(door);
        assert!(!path.exists());
        drop(listener);
    }

    #[test]
    fn replaces_what_was_left_behind_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_listener, _door) = open(&path).unwrap();
        UnixStream::connect(&path).unwrap();

        let taken = open(&path).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();

        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        let taken = open(&file).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.sock");
        let (_listener, door) = open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (_other, _other_door) = open(&path).unwrap();
        drop(door);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn who_knocks_at_a_shut_door_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door {
            listener: listener.try_clone().unwrap().into(),
            file: None,
        };
        std::net::TcpStream::connect(address).unwrap();
        drop(door);
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        drop(listener);
    }
}
