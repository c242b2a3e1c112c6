//! One stream's MD5, hashed where it is called.

use super::compress::INITIAL;
use super::engine::Engine;
use super::{BLOCK, Md5Digest};

/// An MD5 in the making: fed in pieces of any size, then finished.
///
/// Small and self-contained; hashing happens on the calling thread. Uploads that may run beside
/// others go through [`Md5Pool`](super::Md5Pool) instead.
#[derive(Clone, Debug)]
pub struct Md5 {
    engine: Engine,
    state: [u32; 4],
    /// Bytes taken so far; the last `length % BLOCK` of them stand in `tail`, not yet in `state`.
    length: u64,
    tail: [u8; BLOCK],
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

impl Md5 {
    /// The MD5 of nothing yet.
    pub fn new() -> Self {
        Self::with(Engine::detect())
    }

    /// The same by the instructions given.
    pub(super) fn with(engine: Engine) -> Self {
        Self {
            engine,
            state: INITIAL,
            length: 0,
            tail: [0; BLOCK],
        }
    }

    /// Takes `data`, which follows what was taken before.
    pub fn update(&mut self, data: &[u8]) {
        let (blocks, rest) = self.top_up(data).as_chunks::<BLOCK>();
        self.engine.one(&mut self.state, blocks);
        self.length += blocks.as_flattened().len() as u64;
        self.stash(rest);
    }

    /// The digest of everything taken.
    pub fn finish(mut self) -> Md5Digest {
        let bits = self.length.wrapping_mul(8);
        let mut padding = [0; 2 * BLOCK];
        padding[0] = 0x80;
        // To the last eight bytes of a block, with one byte of padding at least.
        let zeros = (2 * BLOCK - 9 - self.held()) % BLOCK;
        self.update(&padding[..1 + zeros]);
        self.update(&bits.to_le_bytes());

        let mut digest = [0; 16];
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_le_bytes();
        }
        Md5Digest(digest)
    }

    /// How many bytes stand in the tail.
    fn held(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Completes a begun block from the head of `data`; returns what follows, which then starts a
    /// block (or is empty).
    pub(super) fn top_up<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let held = self.held();
        if held == 0 {
            return data;
        }
        let (head, rest) = data.split_at(data.len().min(BLOCK - held));
        self.tail[held..held + head.len()].copy_from_slice(head);
        self.length += head.len() as u64;
        if self.held() == 0 {
            self.engine.one(&mut self.state, &[self.tail]);
        }
        rest
    }

    /// Keeps what is too short for a block. The tail must be empty, unless `rest` is.
    pub(super) fn stash(&mut self, rest: &[u8]) {
        debug_assert!(rest.is_empty() || (self.held() == 0 && rest.len() < BLOCK));
        if rest.is_empty() {
            return;
        }
        self.tail[..rest.len()].copy_from_slice(rest);
        self.length += rest.len() as u64;
    }

    /// The state, for a lane to start from.
    pub(super) fn state(&self) -> [u32; 4] {
        self.state
    }

    /// Notes that a lane took `blocks` whole blocks and arrived at `state`.
    pub(super) fn advance(&mut self, state: [u32; 4], blocks: usize) {
        debug_assert_eq!(self.held(), 0);
        self.state = state;
        self.length += (blocks * BLOCK) as u64;
    }
}
