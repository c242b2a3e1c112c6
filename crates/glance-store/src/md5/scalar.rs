//! One stream in ordinary registers, for processors without vectors that suit MD5.

use super::compress::{CONSTANTS, Lanes, MOST, Streams};

/// A word is a word.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Lanes for Scalar {
    type Words = u32;
    type Constant = u32;

    #[inline(always)]
    fn constants() -> &'static [u32; 64] {
        &CONSTANTS
    }

    #[inline(always)]
    fn constant(self, constant: &u32) -> u32 {
        *constant
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST]) -> u32 {
        words[0]
    }

    #[inline(always)]
    fn store(self, word: u32, to: &mut [u32; MOST]) {
        to[0] = word;
    }

    #[inline(always)]
    fn add(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn f(self, sum: u32, x: u32, y: u32, z: u32) -> u32 {
        sum.wrapping_add(z ^ (x & (y ^ z)))
    }

    /// The two halves share no bit, so they may be added one after the other: the one that does not
    /// depend on `x` early, which makes this round a fifth shorter than with RFC 1321's "or".
    #[inline(always)]
    fn g(self, sum: u32, x: u32, y: u32, z: u32) -> u32 {
        sum.wrapping_add(y & !z).wrapping_add(x & z)
    }

    #[inline(always)]
    fn h(self, sum: u32, x: u32, y: u32, z: u32) -> u32 {
        sum.wrapping_add(x ^ (y ^ z))
    }

    #[inline(always)]
    fn i(self, sum: u32, x: u32, y: u32, z: u32) -> u32 {
        sum.wrapping_add(y ^ (x | !z))
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, word: u32) -> u32 {
        word.rotate_left(LEFT as u32)
    }

    #[inline(always)]
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [u32; 4] {
        let (words, _) = streams[0][at].as_chunks::<4>();
        [
            u32::from_le_bytes(words[4 * quarter]),
            u32::from_le_bytes(words[4 * quarter + 1]),
            u32::from_le_bytes(words[4 * quarter + 2]),
            u32::from_le_bytes(words[4 * quarter + 3]),
        ]
    }
}
