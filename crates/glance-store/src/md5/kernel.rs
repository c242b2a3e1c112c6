//! The compiled forms of the compression function, and which of them a machine can run.

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use super::compress::{MOST, States, Streams, compress};
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// One form of the compression function. Those with a token exist only where the processor has the
/// instructions that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    /// One stream in ordinary registers.
    Scalar,
    /// Eight streams in AVX2 registers.
    #[cfg(target_arch = "x86_64")]
    Eight(V3),
    /// One stream in AVX-512 registers of 128 bits.
    #[cfg(target_arch = "x86_64")]
    One(V4),
    /// Four streams in AVX-512 registers of 128 bits.
    #[cfg(target_arch = "x86_64")]
    Four(V4),
    /// Sixteen streams in AVX-512 registers.
    #[cfg(target_arch = "x86_64")]
    Sixteen(V4),
}

impl Kernel {
    /// Every one that this machine can run.
    pub(super) fn available() -> Vec<Self> {
        let mut kernels = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(V3::try_new().map(Self::Eight));
            if let Some(simd) = V4::try_new() {
                kernels.extend([Self::One(simd), Self::Four(simd), Self::Sixteen(simd)]);
            }
        }
        kernels
    }

    /// How many streams it hashes at a time.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Self::One(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Four(_) => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Eight(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Sixteen(_) => MOST,
        }
    }

    /// Takes blocks `0..count` of the streams in its lanes into their states; each of these streams
    /// must have so many.
    pub(super) fn run(self, states: &mut States, streams: &Streams<'_>, count: usize) {
        match self {
            Self::Scalar => scalar(states, streams, count),
            #[cfg(target_arch = "x86_64")]
            Self::Eight(simd) => x86::eight(simd, states, streams, count),
            #[cfg(target_arch = "x86_64")]
            Self::One(simd) => x86::one(simd, states, streams, count),
            #[cfg(target_arch = "x86_64")]
            Self::Four(simd) => x86::four(simd, states, streams, count),
            #[cfg(target_arch = "x86_64")]
            Self::Sixteen(simd) => x86::sixteen(simd, states, streams, count),
        }
    }
}

/// Kept apart so that it is compiled once.
#[inline(never)]
fn scalar(states: &mut States, streams: &Streams<'_>, count: usize) {
    compress(Scalar, states, streams, count);
}
