//! Which uploads this daemon runs, and the leases it holds for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::copy::{Copies, CopyCount, Place};

/// The uploads of this daemon: at most one for each image.
#[derive(Debug)]
pub struct Leases {
    holder: String,
    seconds: u32,
    uploads: Mutex<HashMap<String, Upload>>,
    copies: Copies,
}

#[derive(Debug)]
struct Upload {
    cancel: watch::Sender<bool>,
    /// The registry has given the lease, and has not been asked to take it back.
    leased: bool,
}

/// One running upload. Dropping it ends the renewal of its lease.
#[derive(Debug)]
pub(super) struct Held {
    leases: Arc<Leases>,
    id: String,
    cancelled: watch::Receiver<bool>,
}

impl Leases {
    /// Leases of a daemon that starts now. `holder` must be new at every start, so that what the
    /// last run left is recognised as left. So many copies from outside run at the same time.
    pub fn new(holder: String, lease: Duration, parallel_copies: usize) -> Arc<Self> {
        let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX).max(1);
        let copies = Copies::new(parallel_copies);
        Arc::new(Self {
            holder,
            seconds,
            uploads: Mutex::default(),
            copies,
        })
    }

    /// Who holds them: this run of this daemon.
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// How long a lease holds without renewal.
    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Notes that an upload of image `id` begins. None if one is running already.
    pub(super) fn enter(self: &Arc<Self>, id: &str) -> Option<Held> {
        let mut uploads = self.uploads();
        if uploads.contains_key(id) {
            return None;
        }
        let (cancel, cancelled) = watch::channel(false);
        let upload = Upload {
            cancel,
            leased: false,
        };
        uploads.insert(id.to_owned(), upload);
        Some(Held {
            leases: self.clone(),
            id: id.to_owned(),
            cancelled,
        })
    }

    /// Accepts a copy from outside, unless too many wait already.
    pub(super) fn place_for_copy(&self) -> Option<Place> {
        self.copies.place()
    }

    /// How many copies from outside run and wait.
    pub(crate) fn copies(&self) -> CopyCount {
        self.copies.count()
    }

    /// How many images are being uploaded.
    pub(crate) fn count(&self) -> usize {
        self.uploads().len()
    }

    /// Ends the upload of image `id`, if this daemon runs one.
    pub(super) fn cancel(&self, id: &str) {
        if let Some(upload) = self.uploads().get(id) {
            upload.cancel.send_replace(true);
        }
    }

    /// Ends the upload of image `id`, whose lease the registry says is not ours. False if there is
    /// no such upload any more that relies on it.
    pub(super) fn lost(&self, id: &str) -> bool {
        let uploads = self.uploads();
        let upload = uploads.get(id).filter(|upload| upload.leased);
        upload.is_some_and(|upload| !upload.cancel.send_replace(true))
    }

    /// The images whose leases are to be renewed. One whose lease is only asked for is none of them:
    /// the registry would say that there is no such lease, and the upload would end.
    pub(super) fn leased(&self) -> Vec<String> {
        let uploads = self.uploads();
        let leased = uploads.iter().filter(|(_, upload)| upload.leased);
        leased.map(|(id, _)| id.clone()).collect()
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        // The map is whole after every statement, so a panic elsewhere cannot have broken it.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Becomes true when the upload is to end.
    pub(super) fn cancelled(&self) -> watch::Receiver<bool> {
        self.cancelled.clone()
    }

    /// The registry has given the lease: from now on it is renewed.
    pub(super) fn leased(&self) {
        self.set_leased(true);
    }

    /// The lease is given back: from now on nobody misses it.
    pub(super) fn ends(&self) {
        self.set_leased(false);
    }

    fn set_leased(&self, leased: bool) {
        if let Some(upload) = self.leases.uploads().get_mut(&self.id) {
            upload.leased = leased;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.uploads().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_upload_for_each_image() {
        let leases = Leases::new("h".into(), Duration::from_secs(30), 1);
        let held = leases.enter("a").unwrap();
        assert!(leases.enter("a").is_none());
        assert!(leases.enter("b").is_some());
        drop(held);
        assert!(leases.enter("a").is_some());
    }

    #[test]
    fn cancelling_reaches_the_upload() {
        let leases = Leases::new("h".into(), Duration::from_secs(30), 1);
        let held = leases.enter("a").unwrap();
        leases.cancel("b");
        assert!(!*held.cancelled().borrow());
        leases.cancel("a");
        assert!(*held.cancelled().borrow());
    }

    #[test]
    fn renews_only_what_the_registry_has_given() {
        let leases = Leases::new("h".into(), Duration::from_secs(30), 1);
        let held = leases.enter("a").unwrap();
        assert!(leases.leased().is_empty());
        held.leased();
        assert_eq!(leases.leased(), ["a"]);
        held.ends();
        assert!(leases.leased().is_empty());
    }

    #[test]
    fn a_lost_lease_ends_only_an_upload_that_had_it() {
        let leases = Leases::new("h".into(), Duration::from_secs(30), 1);
        let held = leases.enter("a").unwrap();
        assert!(!leases.lost("a"));
        assert!(!*held.cancelled().borrow());
        held.leased();
        assert!(leases.lost("a"));
        assert!(*held.cancelled().borrow());
        assert!(!leases.lost("a"), "it is told once");
    }
}
