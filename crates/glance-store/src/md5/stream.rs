//! An upload's side of the pool.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::slot::Slot;
use super::{Md5Digest, Md5Pool};

/// One stream hashed by a [`Md5Pool`], beside whatever its owner does with the same bytes.
///
/// At most three batches are held at a time; they share their bytes with the caller's and are let go
/// as soon as they are hashed. Dropping the stream in the middle forgets what waits and harms no
/// other stream.
///
/// For a blocking thread, `feed`, `wait` and `finish` are all; they block where they must. A task asks
/// [`poll_room`](Self::poll_room) before `feed` and [`poll_settled`](Self::poll_settled) before
/// `finish`, which then return at once.
///
/// ```
/// # use std::io::Write;
/// # use bytes::Bytes;
/// # use glance_store::md5::Md5Pool;
/// # fn store(pool: &Md5Pool, batches: Vec<Vec<Bytes>>, file: &mut Vec<u8>) -> std::io::Result<String> {
/// let mut md5 = pool.stream();
/// for batch in batches {
///     md5.feed(batch.clone()); // hashed from now on, while the same bytes are written
///     for bytes in &batch {
///         file.write_all(bytes)?;
///     }
/// }
/// Ok(md5.finish().to_string())
/// # }
/// # let mut file = Vec::new();
/// # let md5 = store(&Md5Pool::new(), vec![vec![Bytes::from_static(b"abc")]], &mut file).unwrap();
/// # assert_eq!(md5, "900150983cd24fb0d6963f7d28e17f72");
/// ```
#[derive(Debug)]
pub struct Md5Stream {
    pool: Md5Pool,
    slot: Arc<Slot>,
}

impl Md5Stream {
    pub(super) fn new(pool: Md5Pool, slot: Slot) -> Self {
        Self {
            pool,
            slot: Arc::new(slot),
        }
    }

    /// Hands over the bytes that follow those fed before. Blocks while three batches are undone.
    ///
    /// Batches of some 128 KiB are worth the hand-over; any size is right.
    pub fn feed(&mut self, batch: Vec<Bytes>) {
        if self.slot.put(batch) {
            self.pool.schedule(Arc::clone(&self.slot));
        }
    }

    /// Ready when [`feed`](Self::feed) will not block; until then the task is woken when it may be.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.slot.poll_room(context)
    }

    /// Ready when everything fed is hashed, and [`finish`](Self::finish) will not block.
    pub fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.slot.poll_settled(context)
    }

    /// Blocks until everything fed is hashed and let go.
    pub fn wait(&mut self) {
        self.slot.settled();
    }

    /// The digest of everything fed, once it is hashed.
    pub fn finish(self) -> Md5Digest {
        self.slot.settled().finish()
    }
}

impl Drop for Md5Stream {
    fn drop(&mut self) {
        self.slot.abandon();
    }
}
