//! Which form of the compression function hashes so many streams quickest on this machine.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::BLOCK;
use super::compress::{INITIAL, MOST, States, Streams};
use super::kernel::Kernel;

/// The kernel to take for each number of streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Engine {
    /// That for `n` streams stands at `n - 1`; those after `width` are never asked for.
    kernels: [Kernel; MOST],
    width: usize,
}

impl Engine {
    /// The best one for this machine, found by trying once in a process.
    ///
    /// No list of instructions tells it: with AVX-512's rotation a single stream is a tenth quicker
    /// than OpenSSL's on one processor, and a fifth slower on another, where that rotation takes
    /// twice as long.
    pub(super) fn detect() -> Self {
        static BEST: LazyLock<Engine> = LazyLock::new(|| {
            // Unoptimised, every vector operation is a call: twenty times slower than plain words.
            if cfg!(debug_assertions) {
                return Engine::of(&[Kernel::Scalar]);
            }
            Engine::of(&Kernel::available())
        });
        *BEST
    }

    /// The best one of these kernels, of which there must be one at least.
    pub(super) fn of(kernels: &[Kernel]) -> Self {
        let timed: Vec<_> = kernels
            .iter()
            .map(|kernel| (time(*kernel), *kernel))
            .collect();
        let quickest = |streams| {
            let wide = timed.iter().filter(|(_, kernel)| kernel.lanes() >= streams);
            wide.min_by_key(|(time, _)| *time)
                .map(|(_, kernel)| *kernel)
        };
        let width = kernels.iter().map(|kernel| kernel.lanes()).max();
        Self {
            kernels: std::array::from_fn(|at| quickest(at + 1).unwrap_or(Kernel::Scalar)),
            width: width.unwrap_or(1),
        }
    }

    /// Each kernel of this machine by itself, and the best of all.
    #[cfg(test)]
    pub(super) fn available() -> Vec<Self> {
        let kernels = Kernel::available();
        let mut engines: Vec<_> = kernels.iter().map(|kernel| Self::of(&[*kernel])).collect();
        engines.push(Self::of(&kernels));
        engines
    }

    /// How many streams it hashes at a time.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Takes `blocks` into the state of one stream.
    pub(super) fn one(&self, state: &mut [u32; 4], blocks: &[[u8; BLOCK]]) {
        if blocks.is_empty() {
            return;
        }
        let mut states = state.map(|word| [word; MOST]);
        self.many(&mut states, &[blocks; MOST], 1, blocks.len());
        *state = states.map(|lanes| lanes[0]);
    }

    /// Takes blocks `0..count` of the first `active` streams into their states.
    ///
    /// `active` must be 1 to [`width`](Self::width), and every stream have `count` blocks: the
    /// lanes after `active` may be hashed too, and leave their states worthless.
    pub(super) fn many(
        &self,
        states: &mut States,
        streams: &Streams<'_>,
        active: usize,
        count: usize,
    ) {
        debug_assert!((1..=self.width).contains(&active));
        self.kernels[active - 1].run(states, streams, count);
    }
}

/// How long the kernel takes for 4 KiB of each stream, at its best: some five microseconds.
fn time(kernel: Kernel) -> Duration {
    const TRIALS: usize = 16;
    let blocks = [[0; BLOCK]; 64];
    let mut states = INITIAL.map(|word| [word; MOST]);
    let mut trial = || {
        let begun = Instant::now();
        kernel.run(&mut states, &[&blocks; MOST], blocks.len());
        begun.elapsed()
    };
    (0..TRIALS).map(|_| trial()).min().unwrap_or_default()
}
