//! What a system call's failure means to the caller, and to the operator, who alone reads the path.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::error::StoreError;

/// Writing failed: `doing` (a verb in its -ing form) at `path`.
pub(super) fn writing(doing: &str, path: &Path, error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
            log::warn!("{doing} {}: {error}", path.display());
            StoreError::Full
        }
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            log::error!("{doing} {}: {error}", path.display());
            StoreError::Forbidden
        }
        _ => broken(doing, path, error),
    }
}

/// Reading failed: `doing` (a verb in its -ing form) at `path`.
pub(super) fn reading(doing: &str, path: &Path, error: Errno) -> StoreError {
    match error {
        Errno::NOENT => StoreError::NotFound,
        // A symbolic link, or a socket: no Glance put it there.
        Errno::LOOP | Errno::NXIO => irregular(path),
        _ => broken(doing, path, error),
    }
}

/// Something that is no regular file has the name of an image.
pub(super) fn irregular(path: &Path) -> StoreError {
    log::error!("{} is not a regular file and is left alone", path.display());
    StoreError::BadLocation
}

/// The store itself does not work.
pub(super) fn broken(doing: &str, path: &Path, error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    log::error!("{doing} {}: {error}", path.display());
    StoreError::Unavailable(error)
}
