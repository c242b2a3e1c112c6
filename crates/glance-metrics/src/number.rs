//! Numbers that many threads change.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// What only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How many of something there are.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// None.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// One more, for as long as the result lives.
    pub fn enter(&'static self) -> Inside {
        self.0.fetch_add(1, Relaxed);
        Inside(self)
    }

    /// The number now.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// One of those that a gauge counts.
#[derive(Debug)]
#[must_use = "it is counted for as long as this lives"]
pub struct Inside(&'static Gauge);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_counts_who_is_inside() {
        static GAUGE: Gauge = Gauge::new();
        let (one, two) = (GAUGE.enter(), GAUGE.enter());
        assert_eq!(GAUGE.get(), 2);
        drop(one);
        assert_eq!(GAUGE.get(), 1);
        drop(two);
        assert_eq!(GAUGE.get(), 0);
    }
}
