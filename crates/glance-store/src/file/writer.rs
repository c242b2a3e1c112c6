//! A file that is being written, and the moment at which it becomes an image's.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
use rustix::fs::{self, AtFlags, CWD, FallocateFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::datadir::Datadir;
use super::incoming::Incoming;
use super::output::Output;
use super::{Shared, failure};
use crate::error::{DataError, StoreError};

/// The mode of new files, within what the umask lets through: Glance's umask is 027.
const MODE: Mode = Mode::from_raw_mode(0o640);

/// Data that nobody can see yet. Dropping it removes it; so does the end of the process, whatever
/// ends it. Every call may block.
#[derive(Debug)]
pub(super) struct Writer {
    place: Place,
    output: Output,
    /// Its name for now, where it must have one.
    incoming: Option<Incoming>,
    size: Option<u64>,
}

/// Where data goes.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    /// Which of its directories.
    at: usize,
    dir: OwnedFd,
    id: ImageId,
}

impl Place {
    fn datadir(&self) -> &Datadir {
        &self.shared.datadirs[self.at]
    }

    fn failed(&self, doing: &str, error: impl Into<io::Error>) -> StoreError {
        failure::writing(doing, &self.datadir().path_of(&self.id), error)
    }
}

impl Writer {
    /// A new file in the directory number `at`, with its space reserved if the size is known.
    pub(super) fn begin(
        shared: &Arc<Shared>,
        at: usize,
        id: &ImageId,
        size: Option<u64>,
    ) -> Result<Self, StoreError> {
        let datadir = &shared.datadirs[at];
        let place = Place {
            shared: Arc::clone(shared),
            at,
            dir: datadir.open()?,
            id: id.clone(),
        };
        let (file, incoming) = match nameless(&place)? {
            Some(file) => (file, None),
            None => {
                let (file, incoming) = Incoming::create(&place.dir, &datadir.path, id, MODE)?;
                (file, Some(incoming))
            }
        };
        if let Some(mode) = shared.file_mode() {
            fs::fchmod(&file, Mode::from_raw_mode(mode))
                .map_err(|error| place.failed("setting the mode of", error))?;
        }
        if let Some(size) = size.filter(|size| *size > 0) {
            reserve(&file, size).map_err(|error| place.failed("reserving space for", error))?;
        }
        Ok(Self {
            place,
            output: Output::new(file, size),
            incoming,
            size,
        })
    }

    /// Appends a batch.
    pub(super) fn write(&mut self, batch: &[Bytes]) -> Result<(), StoreError> {
        self.output
            .write(batch)
            .map_err(|error| self.place.failed("writing", error))
    }

    /// Makes the data last, and then gives it the image's name: `Duplicate` if the image has data.
    pub(super) fn publish(mut self) -> Result<Published, StoreError> {
        let received = self.output.written();
        if let Some(declared) = self.size.filter(|size| *size != received) {
            return Err(DataError::WrongSize { declared, received }.into());
        }
        self.output
            .finish()
            .map_err(|error| self.place.failed("writing", error))?;
        // Once only: what a failed flush left out, a second one would call written.
        fs::fdatasync(self.output.file()).map_err(|error| self.place.failed("flushing", error))?;
        self.give_name()?;
        let published = Published {
            place: self.place,
            kept: false,
        };
        published.place.datadir().sync(&published.place.dir)?;
        Ok(published)
    }

    fn give_name(&mut self) -> Result<(), StoreError> {
        let Place {
            shared,
            at,
            dir,
            id,
        } = &self.place;
        let _naming = shared.naming.lock().unwrap_or_else(PoisonError::into_inner);
        for (other, datadir) in shared.datadirs.iter().enumerate() {
            // One that cannot be asked cannot be written to either.
            if other != *at && datadir.has(id).unwrap_or(false) {
                return Err(StoreError::Duplicate);
            }
        }
        let given = match &mut self.incoming {
            Some(incoming) => incoming.publish(dir, id.as_str()),
            None => {
                let path = format!("/proc/self/fd/{}", self.output.file().as_raw_fd());
                fs::linkat(CWD, path, dir, id.as_str(), AtFlags::SYMLINK_FOLLOW)
            }
        };
        match given {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(StoreError::Duplicate),
            Err(error) => {
                if self.incoming.is_none() {
                    // This upload is lost, but the next one must not fail for the same reason.
                    self.place.datadir().give_names(error);
                }
                Err(self.place.failed("naming", error))
            }
        }
    }
}

/// A file without a name, where the file system knows such.
fn nameless(place: &Place) -> Result<Option<File>, StoreError> {
    let datadir = place.datadir();
    if !datadir.is_nameless() {
        return Ok(None);
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match fs::openat(&place.dir, ".", flags, MODE) {
        Ok(file) => Ok(Some(File::from(file))),
        Err(error @ (Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT)) => {
            datadir.give_names(error);
            Ok(None)
        }
        Err(error) => Err(place.failed("opening a file for", error)),
    }
}

/// Reserves space, so that a disk too small says so before the data travels. Where that cannot be
/// done, the disk says so later.
fn reserve(file: &File, size: u64) -> rustix::io::Result<()> {
    match retry_on_intr(|| fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        result => result,
    }
}

/// A file that has its image's name. Dropping it takes it back: its owner has gone away and will
/// never tell anyone that it is there.
#[derive(Debug)]
pub(super) struct Published {
    place: Place,
    kept: bool,
}

impl Published {
    /// Leaves the file where it is and says where that is.
    pub(super) fn keep(mut self) -> LocationUrl {
        self.kept = true;
        self.place.datadir().location(&self.place.id)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let Place { dir, id, .. } = &self.place;
        match fs::unlinkat(dir, id.as_str(), AtFlags::empty()) {
            Ok(()) => log::info!("image {id}: its upload was given up, its data is removed"),
            Err(error) => {
                self.place.failed("taking back", error);
            }
        }
    }
}
