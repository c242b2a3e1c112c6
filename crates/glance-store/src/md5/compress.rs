//! The compression function of RFC 1321, once for every width: over words, or over vectors of them.

use super::BLOCK;

/// The most streams that any engine hashes in lock-step.
pub(super) const MOST: usize = 16;

/// The blocks of the streams to hash, one slice a lane; a kernel looks at its first lanes only.
pub(super) type Streams<'a> = [&'a [[u8; BLOCK]]; MOST];

/// The four state words of every lane: `states[word][lane]`.
pub(super) type States = [[u32; MOST]; 4];

/// One 32-bit word of each stream, and what MD5 does with such words.
///
/// `f` to `i` are the functions of the four rounds, added to `sum`; `x` is the newest word. A step
/// waits for `x` only, so whatever does not depend on it should be ready before.
pub(super) trait Lanes: Copy {
    /// One word of each stream.
    type Words: Copy;
    /// One step's constant, in the form that is quickest to add.
    type Constant: 'static;

    fn constants() -> &'static [Self::Constant; 64];
    fn constant(self, constant: &Self::Constant) -> Self::Words;
    fn load(self, words: &[u32; MOST]) -> Self::Words;
    /// Writes the lanes that there are and leaves the others.
    fn store(self, words: Self::Words, to: &mut [u32; MOST]);
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn f(self, sum: Self::Words, x: Self::Words, y: Self::Words, z: Self::Words) -> Self::Words;
    fn g(self, sum: Self::Words, x: Self::Words, y: Self::Words, z: Self::Words) -> Self::Words;
    fn h(self, sum: Self::Words, x: Self::Words, y: Self::Words, z: Self::Words) -> Self::Words;
    fn i(self, sum: Self::Words, x: Self::Words, y: Self::Words, z: Self::Words) -> Self::Words;
    /// Rotates left by `LEFT`; `RIGHT` is 32 − `LEFT`.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: Self::Words) -> Self::Words;
    /// Message words `4 * quarter` to `4 * quarter + 3` of block `at` of each stream.
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [Self::Words; 4];
}

/// Takes blocks `0..count` of each lane's stream into that lane's state.
///
/// Each of the streams that the width looks at must have `count` blocks.
#[inline(always)]
pub(super) fn compress<L: Lanes>(
    lanes: L,
    states: &mut States,
    streams: &Streams<'_>,
    count: usize,
) {
    let [mut a, mut b, mut c, mut d] = [
        lanes.load(&states[0]),
        lanes.load(&states[1]),
        lanes.load(&states[2]),
        lanes.load(&states[3]),
    ];
    for at in 0..count {
        let words = [
            lanes.quarter(streams, at, 0),
            lanes.quarter(streams, at, 1),
            lanes.quarter(streams, at, 2),
            lanes.quarter(streams, at, 3),
        ];
        // The compiler moves an addition of something it knows to the end of a sum, where it
        // would lengthen the chain by a fifth; so it must not know the constants.
        let constants = std::hint::black_box(L::constants());
        let before = [a, b, c, d];

        macro_rules! step {
            ($mix:ident, $a:ident $b:ident $c:ident $d:ident, $i:expr, $word:literal, $left:literal) => {
                let known = lanes.add(words[$word / 4][$word % 4], lanes.constant(&constants[$i]));
                let sum = lanes.$mix(lanes.add($a, known), $b, $c, $d);
                $a = lanes.add($b, lanes.rotate::<$left, { 32 - $left }>(sum));
            };
        }
        macro_rules! steps {
            ($mix:ident $i:literal, $w0:literal $w1:literal $w2:literal $w3:literal,
             $l0:literal $l1:literal $l2:literal $l3:literal) => {
                step!($mix, a b c d, $i, $w0, $l0);
                step!($mix, d a b c, $i + 1, $w1, $l1);
                step!($mix, c d a b, $i + 2, $w2, $l2);
                step!($mix, b c d a, $i + 3, $w3, $l3);
            };
        }
        steps!(f 0, 0 1 2 3, 7 12 17 22);
        steps!(f 4, 4 5 6 7, 7 12 17 22);
        steps!(f 8, 8 9 10 11, 7 12 17 22);
        steps!(f 12, 12 13 14 15, 7 12 17 22);
        steps!(g 16, 1 6 11 0, 5 9 14 20);
        steps!(g 20, 5 10 15 4, 5 9 14 20);
        steps!(g 24, 9 14 3 8, 5 9 14 20);
        steps!(g 28, 13 2 7 12, 5 9 14 20);
        steps!(h 32, 5 8 11 14, 4 11 16 23);
        steps!(h 36, 1 4 7 10, 4 11 16 23);
        steps!(h 40, 13 0 3 6, 4 11 16 23);
        steps!(h 44, 9 12 15 2, 4 11 16 23);
        steps!(i 48, 0 7 14 5, 6 10 15 21);
        steps!(i 52, 12 3 10 1, 6 10 15 21);
        steps!(i 56, 8 15 6 13, 6 10 15 21);
        steps!(i 60, 4 11 2 9, 6 10 15 21);

        a = lanes.add(a, before[0]);
        b = lanes.add(b, before[1]);
        c = lanes.add(c, before[2]);
        d = lanes.add(d, before[3]);
    }
    lanes.store(a, &mut states[0]);
    lanes.store(b, &mut states[1]);
    lanes.store(c, &mut states[2]);
    lanes.store(d, &mut states[3]);
}

/// The state before the first block.
pub(super) const INITIAL: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/// The steps' constants: 2³² × |sin(step + 1)|, rounded down.
pub(super) static CONSTANTS: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

/// The constants repeated for every lane, for vectors that add them straight from memory.
#[cfg(target_arch = "x86_64")]
pub(super) static REPEATED: [[u32; MOST]; 64] = {
    let mut repeated = [[0; MOST]; 64];
    let mut i = 0;
    while i < 64 {
        repeated[i] = [CONSTANTS[i]; MOST];
        i += 1;
    }
    repeated
};
