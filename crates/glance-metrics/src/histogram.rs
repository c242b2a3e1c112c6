//! How long things take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::text::Text;

/// The upper ends of the buckets in microseconds, and as Prometheus writes them in seconds: from a
/// metadata call that hits a cache to an image that takes ten minutes.
const BOUNDS: [(u64, &str); 17] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
    (120_000_000, "120"),
    (600_000_000, "600"),
];

/// Durations, by size.
#[derive(Debug)]
pub struct Histogram {
    /// Each counts its own; the last one what is over all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
            micros: AtomicU64::new(0),
        }
    }

    /// One more that took so long.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }

    /// Whether nothing was observed yet.
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| bucket.load(Relaxed) == 0)
    }

    /// Writes its samples under `name`.
    pub fn write(&self, text: &mut Text, name: &str, labels: &[(&str, &str)]) {
        let bucket_name = format!("{name}_bucket");
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        let mut sum = 0;
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            sum += bucket.load(Relaxed);
            let mut labels = labels.to_vec();
            labels.push(("le", bound));
            text.sample(&bucket_name, &labels, sum);
        }
        let seconds = self.micros.load(Relaxed) as f64 / 1e6;
        text.sample(&format!("{name}_sum"), labels, seconds);
        text.sample(&format!("{name}_count"), labels, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_is_not_longer() {
        let histogram = Histogram::new();
        assert!(histogram.is_empty());
        for micros in [0, 500, 501, 600_000_000, 600_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut text = Text::new();
        histogram.write(&mut text, "t", &[("a", "b")]);
        let text = text.finish();
        for line in [
            "t_bucket{a=\"b\",le=\"0.0005\"} 2",
            "t_bucket{a=\"b\",le=\"0.001\"} 3",
            "t_bucket{a=\"b\",le=\"600\"} 4",
            "t_bucket{a=\"b\",le=\"+Inf\"} 5",
            "t_sum{a=\"b\"} 1200.001002",
            "t_count{a=\"b\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
