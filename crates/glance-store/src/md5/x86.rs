//! Streams in the vector lanes of x86-64, by the safe intrinsics of `pulp`.
//!
//! With AVX-512 even a single stream may be better off in a vector register: one instruction is any
//! function of three words and one is a rotation, so that every step is a chain of four cycles,
//! where ordinary registers need five in half of the rounds. But on some processors that rotation
//! takes two.

use std::arch::x86_64::{__m128i, __m256i, __m512i};

use pulp::cast;
use pulp::x86::{V3, V4};

use super::compress::{Lanes, MOST, REPEATED, States, Streams, compress};

/// One stream in AVX-512 registers of 128 bits.
#[derive(Clone, Copy)]
struct One(V4);

/// Four streams in AVX-512 registers of 128 bits.
#[derive(Clone, Copy)]
struct Four(V4);

/// Eight streams in AVX2 registers.
#[derive(Clone, Copy)]
struct Eight(V3);

/// Sixteen streams in AVX-512 registers.
#[derive(Clone, Copy)]
struct Sixteen(V4);

/// Defines the functions that run the compression function, compiled for the instructions that a
/// token stands for.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident($simd:ident) = $lanes:ident;)*) => {$(
        $(#[$doc])*
        pub(super) fn $name(simd: $simd, states: &mut States, streams: &Streams<'_>, count: usize) {
            struct Run<'k, 's>($simd, &'k mut States, &'k Streams<'s>, usize);
            impl pulp::NullaryFnOnce for Run<'_, '_> {
                type Output = ();
                #[inline(always)]
                fn call(self) {
                    compress($lanes(self.0), self.1, self.2, self.3);
                }
            }
            simd.vectorize(Run(simd, states, streams, count));
        }
    )*};
}
kernels! {
    /// Hashes the first stream.
    one(V4) = One;
    /// Hashes the first four streams.
    four(V4) = Four;
    /// Hashes the first eight streams.
    eight(V3) = Eight;
    /// Hashes all sixteen streams.
    sixteen(V4) = Sixteen;
}

/// Sixteen bytes of a block: a quarter of its words.
#[inline(always)]
fn row(streams: &Streams<'_>, lane: usize, at: usize, quarter: usize) -> __m128i {
    cast(streams[lane][at].as_chunks::<16>().0[quarter])
}

/// Turns rows of four words into words of four rows, in each 128-bit part by itself.
macro_rules! transpose {
    ($p:expr, [$r0:expr, $r1:expr, $r2:expr, $r3:expr],
     $low32:ident $high32:ident $low64:ident $high64:ident) => {{
        let (r0, r1, r2, r3) = ($r0, $r1, $r2, $r3);
        let (low01, low23) = ($p.$low32(r0, r1), $p.$low32(r2, r3));
        let (high01, high23) = ($p.$high32(r0, r1), $p.$high32(r2, r3));
        [
            $p.$low64(low01, low23),
            $p.$high64(low01, low23),
            $p.$low64(high01, high23),
            $p.$high64(high01, high23),
        ]
    }};
}

/// The parts of [`Lanes`] in which only the vector's width differs.
macro_rules! memory {
    ($vector:ident, $lanes:literal) => {
        type Words = $vector;
        type Constant = [u32; MOST];

        #[inline(always)]
        fn constants() -> &'static [[u32; MOST]; 64] {
            &REPEATED
        }

        #[inline(always)]
        fn constant(self, constant: &[u32; MOST]) -> $vector {
            self.load(constant)
        }

        #[inline(always)]
        fn load(self, words: &[u32; MOST]) -> $vector {
            cast(words.as_chunks::<$lanes>().0[0])
        }

        #[inline(always)]
        fn store(self, words: $vector, to: &mut [u32; MOST]) {
            to.as_chunks_mut::<$lanes>().0[0] = cast(words);
        }
    };
}

/// The arithmetic of AVX-512. The numbers are truth tables over (z, y, x): the register that the
/// instruction overwrites is then an old one, and no copy of the newest delays the chain.
macro_rules! avx512 {
    ($vector:ident, $token:ident, $add:ident $ternary:ident $rotate:ident) => {
        #[inline(always)]
        fn add(self, a: $vector, b: $vector) -> $vector {
            self.0.$token.$add(a, b)
        }

        #[inline(always)]
        fn f(self, sum: $vector, x: $vector, y: $vector, z: $vector) -> $vector {
            self.add(sum, self.0.avx512f.$ternary::<0xd8>(z, y, x))
        }

        #[inline(always)]
        fn g(self, sum: $vector, x: $vector, y: $vector, z: $vector) -> $vector {
            self.add(sum, self.0.avx512f.$ternary::<0xac>(z, y, x))
        }

        #[inline(always)]
        fn h(self, sum: $vector, x: $vector, y: $vector, z: $vector) -> $vector {
            self.add(sum, self.0.avx512f.$ternary::<0x96>(z, y, x))
        }

        #[inline(always)]
        fn i(self, sum: $vector, x: $vector, y: $vector, z: $vector) -> $vector {
            self.add(sum, self.0.avx512f.$ternary::<0x63>(z, y, x))
        }

        #[inline(always)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: $vector) -> $vector {
            self.0.avx512f.$rotate::<LEFT>(words)
        }
    };
}

impl Lanes for One {
    memory!(__m128i, 4);
    avx512!(__m128i, sse2, _mm_add_epi32 _mm_ternarylogic_epi32 _mm_rol_epi32);

    #[inline(always)]
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [__m128i; 4] {
        let (words, _) = streams[0][at].as_chunks::<4>();
        let sse2 = self.0.sse2;
        [
            sse2._mm_set1_epi32(i32::from_le_bytes(words[4 * quarter])),
            sse2._mm_set1_epi32(i32::from_le_bytes(words[4 * quarter + 1])),
            sse2._mm_set1_epi32(i32::from_le_bytes(words[4 * quarter + 2])),
            sse2._mm_set1_epi32(i32::from_le_bytes(words[4 * quarter + 3])),
        ]
    }
}

impl Lanes for Four {
    memory!(__m128i, 4);
    avx512!(__m128i, sse2, _mm_add_epi32 _mm_ternarylogic_epi32 _mm_rol_epi32);

    #[inline(always)]
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [__m128i; 4] {
        transpose!(
            self.0.sse2,
            [
                row(streams, 0, at, quarter),
                row(streams, 1, at, quarter),
                row(streams, 2, at, quarter),
                row(streams, 3, at, quarter)
            ],
            _mm_unpacklo_epi32 _mm_unpackhi_epi32 _mm_unpacklo_epi64 _mm_unpackhi_epi64
        )
    }
}

impl Sixteen {
    /// The rows of stream `lane` and of every fourth one after it.
    #[inline(always)]
    fn rows(self, streams: &Streams<'_>, lane: usize, at: usize, quarter: usize) -> __m512i {
        let p = self.0.avx512f;
        let rows = p._mm512_castsi128_si512(row(streams, lane, at, quarter));
        let rows = p._mm512_inserti32x4::<1>(rows, row(streams, lane + 4, at, quarter));
        let rows = p._mm512_inserti32x4::<2>(rows, row(streams, lane + 8, at, quarter));
        p._mm512_inserti32x4::<3>(rows, row(streams, lane + 12, at, quarter))
    }
}

impl Lanes for Sixteen {
    memory!(__m512i, 16);
    avx512!(__m512i, avx512f, _mm512_add_epi32 _mm512_ternarylogic_epi32 _mm512_rol_epi32);

    #[inline(always)]
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [__m512i; 4] {
        transpose!(
            self.0.avx512f,
            [
                self.rows(streams, 0, at, quarter),
                self.rows(streams, 1, at, quarter),
                self.rows(streams, 2, at, quarter),
                self.rows(streams, 3, at, quarter)
            ],
            _mm512_unpacklo_epi32 _mm512_unpackhi_epi32 _mm512_unpacklo_epi64 _mm512_unpackhi_epi64
        )
    }
}

impl Eight {
    /// The rows of stream `lane` and of every fourth one after it.
    #[inline(always)]
    fn rows(self, streams: &Streams<'_>, lane: usize, at: usize, quarter: usize) -> __m256i {
        let p = self.0.avx2;
        let rows = self
            .0
            .avx
            ._mm256_castsi128_si256(row(streams, lane, at, quarter));
        p._mm256_inserti128_si256::<1>(rows, row(streams, lane + 4, at, quarter))
    }
}

impl Lanes for Eight {
    memory!(__m256i, 8);

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_add_epi32(a, b)
    }

    #[inline(always)]
    fn f(self, sum: __m256i, x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        let p = self.0.avx2;
        let chosen = p._mm256_and_si256(x, p._mm256_xor_si256(y, z));
        self.add(sum, p._mm256_xor_si256(z, chosen))
    }

    /// Added in two parts for the reason that the scalar one gives.
    #[inline(always)]
    fn g(self, sum: __m256i, x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        let p = self.0.avx2;
        let sum = self.add(sum, p._mm256_andnot_si256(z, y));
        self.add(sum, p._mm256_and_si256(x, z))
    }

    #[inline(always)]
    fn h(self, sum: __m256i, x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        let p = self.0.avx2;
        self.add(sum, p._mm256_xor_si256(x, p._mm256_xor_si256(y, z)))
    }

    #[inline(always)]
    fn i(self, sum: __m256i, x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        let p = self.0.avx2;
        let not_z = p._mm256_xor_si256(z, self.0.avx._mm256_set1_epi32(!0));
        self.add(sum, p._mm256_xor_si256(y, p._mm256_or_si256(x, not_z)))
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: __m256i) -> __m256i {
        let p = self.0.avx2;
        p._mm256_or_si256(
            p._mm256_slli_epi32::<LEFT>(words),
            p._mm256_srli_epi32::<RIGHT>(words),
        )
    }

    #[inline(always)]
    fn quarter(self, streams: &Streams<'_>, at: usize, quarter: usize) -> [__m256i; 4] {
        transpose!(
            self.0.avx2,
            [
                self.rows(streams, 0, at, quarter),
                self.rows(streams, 1, at, quarter),
                self.rows(streams, 2, at, quarter),
                self.rows(streams, 3, at, quarter)
            ],
            _mm256_unpacklo_epi32 _mm256_unpackhi_epi32 _mm256_unpacklo_epi64 _mm256_unpackhi_epi64
        )
    }
}
