//! Several streams' batches hashed in lock-step, each at its own place.

use bytes::{Buf, Bytes};

use super::compress::{INITIAL, MOST};
use super::engine::Engine;
use super::{BLOCK, Md5};

/// How many blocks a lane takes before others may join: 16 KiB, some twenty microseconds.
const STRIDE: usize = 256;

/// One stream on its way through a batch.
pub(super) struct Lane<Owner> {
    pub(super) owner: Owner,
    md5: Md5,
    batch: std::vec::IntoIter<Bytes>,
    /// What is left of the current piece; while blocks are left, it starts at one.
    piece: Bytes,
}

impl<Owner> Lane<Owner> {
    pub(super) fn new(owner: Owner, md5: Md5, batch: Vec<Bytes>) -> Self {
        Self {
            owner,
            md5,
            batch: batch.into_iter(),
            piece: Bytes::new(),
        }
    }

    /// Brings the next whole blocks to the front; false when the batch has no more.
    fn settle(&mut self) -> bool {
        while self.piece.len() < BLOCK {
            self.md5.stash(&self.piece);
            let Some(next) = self.batch.next() else {
                self.piece = Bytes::new();
                return false;
            };
            let rest = self.md5.top_up(&next).len();
            self.piece = next;
            self.piece.advance(self.piece.len() - rest);
        }
        true
    }

    fn blocks(&self) -> &[[u8; BLOCK]] {
        self.piece.as_chunks::<BLOCK>().0
    }
}

/// Hashes the lanes in lock-step as far as the shortest goes (a stride at most); hands those that
/// came to the end of their batch to `done`, and keeps the others.
///
/// There must be no more lanes than the engine is wide.
pub(super) fn stride<Owner>(
    engine: Engine,
    lanes: &mut Vec<Lane<Owner>>,
    mut done: impl FnMut(Owner, Md5),
) {
    let mut at = 0;
    while let Some(lane) = lanes.get_mut(at) {
        if lane.settle() {
            at += 1;
            continue;
        }
        let lane = lanes.swap_remove(at);
        done(lane.owner, lane.md5);
    }
    let Some(first) = lanes.first() else {
        return;
    };

    // Lanes without a stream repeat the first one's blocks, to no effect.
    let mut streams = [first.blocks(); MOST];
    let mut states = INITIAL.map(|word| [word; MOST]);
    let mut count = STRIDE;
    for (at, lane) in lanes.iter().enumerate() {
        streams[at] = lane.blocks();
        count = count.min(streams[at].len());
        for (words, word) in states.iter_mut().zip(lane.md5.state()) {
            words[at] = word;
        }
    }
    engine.many(&mut states, &streams, lanes.len(), count);
    for (at, lane) in lanes.iter_mut().enumerate() {
        lane.md5.advance(states.map(|words| words[at]), count);
        lane.piece.advance(count * BLOCK);
    }
}
