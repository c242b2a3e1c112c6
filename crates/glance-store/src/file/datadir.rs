//! One directory of the file store.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use glance_config::DataDir;
use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
use rustix::fs::{self, Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{failure, incoming};
use crate::error::{StartError, StoreError};

/// A directory with the data of images in it.
#[derive(Debug)]
pub(super) struct Datadir {
    /// Absolute.
    pub(super) path: PathBuf,
    pub(super) priority: u32,
    /// `file://` and the path.
    url: String,
    /// Whether files can be written without a name, and get it when they are whole.
    nameless: AtomicBool,
}

impl Datadir {
    /// Makes the directory if it lacks, and sees to it that it can be used. `option` is where the
    /// operator named it.
    pub(super) fn prepare(
        option: &'static str,
        dir: &DataDir,
        file_mode: Option<u32>,
    ) -> Result<Self, StartError> {
        let path = std::path::absolute(&dir.path).map_err(|error| {
            StartError::new(option, "the path of the directory cannot be used").caused(error)
        })?;
        let wrong = |what: &str| StartError::new(option, format!("{} {what}", path.display()));

        let Some(text) = path.to_str() else {
            return Err(wrong(
                "is not UTF-8, so that no location could name what lies there",
            ));
        };
        if !path.is_dir() {
            log::info!("the image directory {text} does not exist and is made");
            // As Glance's umask of 027 has it.
            let made = DirBuilder::new().recursive(true).mode(0o750).create(&path);
            made.and_then(|()| sync_parent(&path))
                .map_err(|error| wrong("cannot be made").caused(error))?;
        }
        let needed = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        fs::accessat(CWD, &path, needed, AtFlags::EACCESS)
            .map_err(|error| wrong("cannot be written to").caused(error))?;
        if let Some(mode) = file_mode {
            let_others_in(&path, mode);
        }

        let url = format!("file://{}", text.trim_end_matches('/'));
        // The name is given by way of /proc.
        let nameless = AtomicBool::new(Path::new("/proc/self/fd").is_dir());
        let this = Self {
            path: path.clone(),
            priority: dir.priority,
            url,
            nameless,
        };
        this.open()
            .and_then(|dir| incoming::sweep(&dir, &this.path, None))
            .map_err(|_| wrong("cannot be swept of what broken uploads left; the log says why"))?;
        Ok(this)
    }

    /// The directory as it is now: what is mounted there may have changed since the start.
    pub(super) fn open(&self) -> Result<OwnedFd, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::open(&self.path, flags, Mode::empty())
            .map_err(|error| failure::broken("opening the directory", &self.path, error))
    }

    /// Where the data of an image is or will be.
    pub(super) fn location(&self, id: &ImageId) -> LocationUrl {
        LocationUrl::new(format!("{}/{id}", self.url))
    }

    /// The path for the log.
    pub(super) fn path_of(&self, id: &ImageId) -> PathBuf {
        self.path.join(id.as_str())
    }

    /// Whether anything has the image's name.
    pub(super) fn has(&self, id: &ImageId) -> Result<bool, StoreError> {
        match fs::statat(self.open()?, id.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failure::broken("looking for", &self.path_of(id), error)),
        }
    }

    /// Free bytes; none where the file system does not say.
    pub(super) fn free(&self) -> Result<Option<u64>, StoreError> {
        let space = fs::statvfs(&self.path)
            .map_err(|error| failure::broken("measuring", &self.path, error))?;
        let known = space.f_blocks > 0;
        Ok(known.then(|| space.f_bavail.saturating_mul(space.f_frsize)))
    }

    /// Whether files without a name are to be tried.
    pub(super) fn is_nameless(&self) -> bool {
        self.nameless.load(Ordering::Relaxed)
    }

    /// Files without a name do not work here: from now on they get hidden names.
    pub(super) fn give_names(&self, error: Errno) {
        if self.nameless.swap(false, Ordering::Relaxed) {
            log::info!(
                "uploads to {} get hidden names: {error}",
                self.path.display()
            );
        }
    }

    /// Removes an image's file for good. `NotFound` if there is none.
    pub(super) fn remove(&self, id: &ImageId) -> Result<(), StoreError> {
        let dir = self.open()?;
        match fs::unlinkat(&dir, id.as_str(), AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Err(StoreError::NotFound),
            Err(error) => return Err(failure::writing("deleting", &self.path_of(id), error)),
        }
        self.sync(&dir)
    }

    /// Removes an image's file and what broken uploads left of it, if there is any.
    pub(super) fn discard(&self, id: &ImageId) -> Result<(), StoreError> {
        incoming::sweep(&self.open()?, &self.path, Some(id))?;
        match self.remove(id) {
            Err(StoreError::NotFound) => Ok(()),
            result => result,
        }
    }

    /// Removes what broken uploads left, and tells how many they were.
    pub(super) fn sweep(&self) -> Result<u64, StoreError> {
        incoming::sweep(&self.open()?, &self.path, None)
    }

    /// Makes what was named or removed in the directory last.
    pub(super) fn sync(&self, dir: &OwnedFd) -> Result<(), StoreError> {
        fs::fsync(dir).map_err(|error| failure::broken("flushing", &self.path, error))
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::File::open(parent)?.sync_all()
}

/// Lets those into the directory who may read its files, as Glance does.
fn let_others_in(path: &Path, file_mode: u32) {
    let Ok(stat) = fs::stat(path) else {
        return;
    };
    let mode = Mode::from_raw_mode(stat.st_mode);
    let mut wanted = mode;
    if file_mode & 0o007 != 0 {
        wanted |= Mode::XOTH;
    }
    if file_mode & 0o070 != 0 {
        wanted |= Mode::XGRP;
    }
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if !is_directory || wanted == mode {
        return;
    }
    if let Err(error) = fs::chmod(path, wanted) {
        log::warn!(
            "filesystem_store_file_perm lets others read images, but not into {}: {error}",
            path.display()
        );
    }
}
