//! Hidden names for uploads, where the file system knows no files without a name.
//!
//! They lie in a directory that no location can name. The writer holds a lock on its file, which
//! ends with the process however that ends: a file that nobody locks is a broken upload's.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use glance_core::id::ImageId;
use rustix::fs::{self, AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::failure;
use crate::error::StoreError;

const FOLDER: &str = ".incoming";

/// A file's hidden name; it goes when this is dropped, unless the file has got its real one.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: OwnedFd,
    name: String,
    given: bool,
}

impl Incoming {
    /// A new file for the data of `id` in the folder of the directory `dir`, whose path is `path`.
    pub(super) fn create(
        dir: &OwnedFd,
        path: &Path,
        id: &ImageId,
        mode: Mode,
    ) -> Result<(File, Self), StoreError> {
        let fail = |error: Errno| failure::writing("making an incoming file in", path, error);
        match fs::mkdirat(dir, FOLDER, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(fail(error)),
        }
        loop {
            let folder = open_folder(dir).map_err(fail)?;
            let name = format!("{id}.{}", ImageId::generate());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = fs::openat(&folder, &name, flags, mode).map_err(fail)?;
            let incoming = Self {
                folder,
                name,
                given: false,
            };
            // Locked by another, a sweep was quicker and will remove it. Where locks do not work at
            // all, sweeps leave everything alone.
            let lock = fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
            if lock == Err(Errno::WOULDBLOCK) {
                continue;
            }
            if fs::fstat(&file).map_err(fail)?.st_nlink > 0 {
                return Ok((File::from(file), incoming));
            }
        }
    }

    /// Gives the file the name `name` in `dir`, unless something has it: then `EXIST`.
    pub(super) fn publish(&mut self, dir: &OwnedFd, name: &str) -> rustix::io::Result<()> {
        match fs::renameat_with(&self.folder, &self.name, dir, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.given = true;
                Ok(())
            }
            // NFS, for one.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.link(dir, name),
            Err(error) => Err(error),
        }
    }

    /// The same in two steps: the hidden name goes when this is dropped.
    fn link(&self, dir: &OwnedFd, name: &str) -> rustix::io::Result<()> {
        fs::linkat(&self.folder, &self.name, dir, name, AtFlags::empty())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.given {
            return;
        }
        match fs::unlinkat(&self.folder, &self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => log::error!("deleting the incoming file {}: {error}", self.name),
        }
    }
}

/// Removes the files in the folder of `dir` that nobody writes any more, or only those of `id`, and
/// tells how many they were.
pub(super) fn sweep(dir: &OwnedFd, path: &Path, id: Option<&ImageId>) -> Result<u64, StoreError> {
    let fail = |error: Errno| failure::writing("sweeping the incoming files in", path, error);
    let folder = match open_folder(dir) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(0),
        Err(error) => return Err(fail(error)),
    };
    let mut removed = 0;
    let prefix = id.map(|id| format!("{id}.")).unwrap_or_default();
    for entry in Dir::read_from(&folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..")
            && name.to_bytes().starts_with(prefix.as_bytes())
        {
            removed += u64::from(remove_abandoned(&folder, name).map_err(fail)?);
        }
    }
    Ok(removed)
}

fn remove_abandoned(folder: &OwnedFd, name: &CStr) -> rustix::io::Result<bool> {
    // For writing, because NFS locks only what is open so.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match fs::openat(folder, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(false),
        file => file?,
    };
    match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(false),
        Err(error) => return Err(error),
    }
    log::info!("removing {name:?}, which a broken upload left");
    match fs::unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(false),
        result => result.map(|()| true),
    }
}

/// The hidden files in the folder of `dir`, each with its image, its bytes and the second of its
/// last change.
pub(super) fn list(
    dir: &OwnedFd,
    path: &Path,
) -> Result<Vec<(Option<ImageId>, u64, u64)>, StoreError> {
    let fail = |error: Errno| failure::broken("listing the incoming files in", path, error);
    let folder = match open_folder(dir) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut found = Vec::new();
    for entry in Dir::read_from(&folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(fail)?,
        };
        let id = name.to_str().ok().and_then(|name| name.split_once('.'));
        let id = id.and_then(|(id, _)| id.parse().ok());
        found.push((
            id,
            u64::try_from(stat.st_size).unwrap_or(0),
            u64::try_from(stat.st_mtime).unwrap_or(0),
        ));
    }
    Ok(found)
}

fn open_folder(dir: impl AsFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(dir, FOLDER, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gives_a_name_without_renaming_and_only_if_it_is_free() {
        let place = tempfile::tempdir().unwrap();
        let dir = OwnedFd::from(File::open(place.path()).unwrap());
        let id = ImageId::generate();
        for (text, expected) in [("first", Ok(())), ("second", Err(Errno::EXIST))] {
            let (mut file, incoming) =
                Incoming::create(&dir, place.path(), &id, Mode::from_raw_mode(0o640)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(incoming.link(&dir, "image"), expected);
            drop(incoming);
            let hidden = std::fs::read_dir(place.path().join(FOLDER)).unwrap();
            assert_eq!(hidden.count(), 0);
        }
        assert_eq!(std::fs::read(place.path().join("image")).unwrap(), b"first");
    }
}
