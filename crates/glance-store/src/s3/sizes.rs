//! How data is divided, within what the protocol allows.

/// Parts that an object may have.
pub(super) const MOST_PARTS: u32 = 10_000;

/// Bytes that one request may bring.
const MOST_AT_ONCE: u64 = 5 << 30;

/// After so many parts of data of unknown size their length doubles,
const STEP: u32 = 1_000;

/// so often.
const STEPS: u32 = 4;

/// The lengths that the operator chose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Bytes of a part.
    part: u64,
    /// Data of known size goes in parts from here on.
    large: u64,
}

impl Sizes {
    /// Parts of `part` bytes, for data of `large` bytes and more.
    pub(super) fn new(part: u64, large: u64) -> Self {
        Self {
            part,
            large: large.min(MOST_AT_ONCE),
        }
    }

    /// Whether data of this size goes in one request that is not held.
    pub(super) fn is_streamed(&self, size: u64) -> bool {
        size > self.part && size < self.large
    }

    /// Bytes of a part, counted from 1, of data of this size. With parts of 10 MiB, data of unknown
    /// size can have 1.06 TiB, and its parts 160 MiB at most.
    pub(super) fn part(&self, number: u32, size: Option<u64>) -> u64 {
        match size {
            Some(size) => {
                let least = size.div_ceil(MOST_PARTS.into());
                self.part.max(least.next_multiple_of(1 << 20))
            }
            None => {
                let steps = (number.saturating_sub(1) / STEP).min(STEPS);
                (self.part << steps).min(MOST_AT_ONCE)
            }
        }
    }

    /// The most that data of unknown size can have.
    pub(super) fn most(&self) -> u64 {
        (1..=MOST_PARTS).map(|number| self.part(number, None)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn never_needs_more_parts_than_there_are() {
        let sizes = Sizes::new(10 * MIB, 100 * MIB);
        for size in [
            100 * MIB,
            97_656 * MIB,
            97_657 * MIB,
            (5 << 40) - 1,
            5 << 40,
        ] {
            let part = sizes.part(1, Some(size));
            assert!(size.div_ceil(part) <= 10_000, "{size}");
            assert!((10 * MIB..=525 * MIB).contains(&part), "{part}");
        }
        assert_eq!(sizes.part(1, Some(97_656 * MIB)), 10 * MIB);
        assert!(
            sizes.most() > 1_099_511_627_776,
            "image_size_cap's default fits"
        );
        assert_eq!(sizes.part(10_000, None), 160 * MIB);
        assert_eq!(
            (sizes.part(1_000, None), sizes.part(1_001, None)),
            (10 * MIB, 20 * MIB)
        );
    }

    #[test]
    fn sends_at_once_what_is_between() {
        let sizes = Sizes::new(10 * MIB, 100 * MIB);
        assert!(!sizes.is_streamed(0) && !sizes.is_streamed(10 * MIB));
        assert!(sizes.is_streamed(10 * MIB + 1) && sizes.is_streamed(100 * MIB - 1));
        assert!(!sizes.is_streamed(100 * MIB));
        assert!(!Sizes::new(10 * MIB, 100 << 30).is_streamed(5 << 30));
    }
}
