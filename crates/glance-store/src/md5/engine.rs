//! Which instructions hash on this machine, found at run time.

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use super::BLOCK;
use super::compress::{MOST, States, Streams, compress};
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The work of one call: blocks `0..count` of the first lanes' streams into their states.
#[cfg(target_arch = "x86_64")]
pub(super) struct Kernel<'k, 's> {
    pub(super) states: &'k mut States,
    pub(super) streams: &'k Streams<'s>,
    pub(super) count: usize,
}

/// A set of instructions that the machine is known to have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    /// One stream at a time, on any machine.
    Scalar,
    /// Eight streams in lock-step.
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    /// Sixteen streams in lock-step, and the quickest single one.
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
}

impl Engine {
    /// The best one for this machine.
    pub(super) fn detect() -> Self {
        // Unoptimised, every vector operation is a call: twenty times slower than plain words.
        if cfg!(debug_assertions) {
            return Self::Scalar;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = V4::try_new() {
                return Self::Avx512(simd);
            }
            if let Some(simd) = V3::try_new() {
                return Self::Avx2(simd);
            }
        }
        Self::Scalar
    }

    /// Every one that this machine can run.
    #[cfg(test)]
    pub(super) fn available() -> Vec<Self> {
        let mut engines = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            engines.extend(V3::try_new().map(Self::Avx2));
            engines.extend(V4::try_new().map(Self::Avx512));
        }
        engines
    }

    /// How many streams it hashes at a time.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => MOST,
        }
    }

    /// Takes `blocks` into the state of one stream.
    pub(super) fn one(self, state: &mut [u32; 4], blocks: &[[u8; BLOCK]]) {
        if blocks.is_empty() {
            return;
        }
        let mut states = state.map(|word| [word; MOST]);
        self.many(&mut states, &[blocks; MOST], 1, blocks.len());
        *state = states.map(|lanes| lanes[0]);
    }

    /// Takes blocks `0..count` of the first `active` streams into their states.
    ///
    /// `active` must be at most [`width`](Self::width), and every stream have `count` blocks: the
    /// lanes after `active` may be hashed too, and leave their states worthless.
    pub(super) fn many(
        self,
        states: &mut States,
        streams: &Streams<'_>,
        active: usize,
        count: usize,
    ) {
        debug_assert!(active <= self.width());
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => {
                let kernel = Kernel {
                    states,
                    streams,
                    count,
                };
                match active {
                    0 | 1 => x86::one(simd, kernel),
                    2..=4 => x86::four(simd, kernel),
                    _ => x86::sixteen(simd, kernel),
                }
            }
            // Without AVX-512's rotation a single stream is quicker in ordinary registers.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) if active > 1 => x86::eight(
                simd,
                Kernel {
                    states,
                    streams,
                    count,
                },
            ),
            _ => scalar(states, streams, count),
        }
    }
}

/// Kept apart so that it is compiled once.
#[inline(never)]
fn scalar(states: &mut States, streams: &Streams<'_>, count: usize) {
    compress(Scalar, states, streams, count);
}
