//! What lies in the directories of the file store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream;
use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
use rustix::fs::{self, AtFlags, Dir, FileType};
use rustix::io::Errno;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::spawn_blocking;

use super::datadir::Datadir;
use super::{Shared, failure, incoming};
use crate::error::StoreError;
use crate::store::{Held, HeldStream};

/// Entries that wait for whoever takes them.
const AHEAD: usize = 256;

/// See [`ImageStore::list`](crate::store::ImageStore::list).
pub(super) fn list(shared: Arc<Shared>) -> HeldStream<'static> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    spawn_blocking(move || {
        for datadir in &shared.datadirs {
            if let Err(error) = list_directory(datadir, &sender) {
                // Nobody may be there any more to be told.
                let _ = sender.blocking_send(Err(error));
                return;
            }
        }
    });
    Box::pin(stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    }))
}

/// Sends what lies in one directory, until nobody takes it.
fn list_directory(
    datadir: &Datadir,
    to: &Sender<Result<Held, StoreError>>,
) -> Result<(), StoreError> {
    let fail = |error: Errno| failure::broken("listing", &datadir.path, error);
    let dir = datadir.open()?;
    for (id, size, second) in incoming::list(&dir, &datadir.path)? {
        let touched = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        if to
            .blocking_send(Ok(Held::Unfinished { id, size, touched }))
            .is_err()
        {
            return Ok(());
        }
    }
    for entry in Dir::read_from(&dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let stat = match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(fail)?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            continue;
        }
        let name = name.to_string_lossy();
        let id: Option<ImageId> = name.parse().ok();
        let location = match &id {
            Some(id) => datadir.location(id),
            None => LocationUrl::new(format!("file://{}", datadir.path.join(&*name).display())),
        };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if to
            .blocking_send(Ok(Held::Image { location, id, size }))
            .is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}
