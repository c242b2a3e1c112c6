//! Opening what lies in a directory of the file store.

use std::fs::File;
use std::sync::Arc;

use glance_core::id::ImageId;
use rustix::fs::{self, Advice, AtFlags, FileType, Mode, OFlags};

use super::datadir::Datadir;
use super::failure;
use crate::data::FileRange;
use crate::error::StoreError;
use crate::store::ByteRange;

/// From so many bytes on it is worth telling the system that they will be read in order.
const LONG: u64 = 1 << 20;

/// Opens the file of an image, or the part `range` of it, and tells the size of the whole.
pub(super) fn open(
    datadir: &Datadir,
    id: &ImageId,
    range: Option<ByteRange>,
) -> Result<(FileRange, u64), StoreError> {
    // NONBLOCK, so that a pipe of that name cannot hold us; regular files ignore it.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = || datadir.path_of(id);
    let file = fs::openat(datadir.open()?, id.as_str(), flags, Mode::empty())
        .map_err(|error| failure::reading("opening", &path(), error))?;
    let stat = fs::fstat(&file).map_err(|error| failure::broken("examining", &path(), error))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(failure::irregular(&path()));
    }
    let size = stat.st_size.unsigned_abs();
    let (offset, length) = match range {
        None => (0, size),
        Some(range)
            if range
                .offset
                .checked_add(range.length)
                .is_some_and(|end| end <= size) =>
        {
            (range.offset, range.length)
        }
        Some(_) => return Err(StoreError::OutOfRange),
    };
    if length >= LONG {
        // Worth a larger read-ahead; without it reading is only slower.
        let _ = fs::fadvise(&file, 0, None, Advice::Sequential);
    }
    let file = FileRange {
        file: Arc::new(File::from(file)),
        offset,
        length,
    };
    Ok((file, size))
}

/// The size of the file of an image.
pub(super) fn size(datadir: &Datadir, id: &ImageId) -> Result<u64, StoreError> {
    let stat = fs::statat(datadir.open()?, id.as_str(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| failure::reading("examining", &datadir.path_of(id), error))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat.st_size.unsigned_abs()),
        _ => Err(failure::irregular(&datadir.path_of(id))),
    }
}
