//! Pieces of data in memory, small ones put together.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::data::Batch;

/// Pieces below this size are put together,
const SMALL: usize = 16 * 1024;

/// until they are so large.
const TOGETHER: usize = 64 * 1024;

/// Pieces in their order.
///
/// Small ones are put together: each would hold on to the buffer that it came in, and a caller who
/// sends single bytes must not take more memory than others.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    /// Small pieces that follow them.
    small: Vec<u8>,
    /// Bytes of both.
    length: u64,
}

/// How far a follower is: the next piece, and the bytes of it that he has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    piece: usize,
    within: usize,
}

impl Pieces {
    /// Bytes that are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Puts a piece at the end.
    pub(crate) fn add(&mut self, piece: Bytes) {
        self.length += piece.len() as u64;
        if piece.len() >= SMALL {
            self.close();
            self.pieces.push_back(piece);
            return;
        }
        self.small.extend_from_slice(&piece);
        if self.small.len() >= TOGETHER {
            self.close();
        }
    }

    /// Waits for no more small pieces to put together.
    pub(crate) fn close(&mut self) {
        if !self.small.is_empty() {
            self.pieces
                .push_back(std::mem::take(&mut self.small).into());
        }
    }

    /// Takes the first `length` bytes away, or all if there are fewer.
    pub(crate) fn take(&mut self, length: u64) -> Batch {
        self.close();
        let length = length.min(self.length);
        self.length -= length;
        let mut taken = Batch::new();
        let mut missing = usize::try_from(length).unwrap_or(usize::MAX);
        while missing > 0
            && let Some(mut piece) = self.pieces.pop_front()
        {
            if piece.len() > missing {
                let rest = piece.split_off(missing);
                self.pieces.push_front(rest);
            }
            missing -= piece.len();
            taken.push(piece);
        }
        taken
    }

    /// What is there beyond `place`, which moves to its end. Only for pieces that nobody
    /// [takes](Self::take).
    pub(crate) fn after(&self, place: &mut Place) -> Batch {
        let mut batch = Batch::new();
        for piece in self.pieces.range(place.piece..) {
            let rest = piece.slice(place.within..);
            *place = Place {
                piece: place.piece + 1,
                within: 0,
            };
            if !rest.is_empty() {
                batch.push(rest);
            }
        }
        if let Some(rest) = self.small.get(place.within..)
            && !rest.is_empty()
        {
            batch.push(Bytes::copy_from_slice(rest));
            place.within = self.small.len();
        }
        batch
    }
}
