//! Checksums of lines: of a whole dump in its order, and of rows in any order.

use std::fmt::Write;

use ring::digest::{Context, SHA256, digest};

/// The SHA-256 of lines, each with its end.
pub(super) struct Lines(Context);

impl Lines {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds a line without its end.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.0.update(line);
        self.0.update(b"\n");
    }

    /// Hexadecimal.
    pub(super) fn finish(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finish().as_ref() {
            // A String takes everything.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Sums up the SHA-256 of rows: the same rows have the same sum in whatever order they come, and the
/// engines' orders differ for unusual ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    count: u64,
    sum: [u128; 2],
}

impl Rows {
    pub(super) fn add(&mut self, line: &[u8]) {
        self.count += 1;
        let digest = digest(&SHA256, line);
        for (sum, half) in self.sum.iter_mut().zip(digest.as_ref().chunks_exact(16)) {
            let half = half
                .iter()
                .fold(0, |all, byte| all << 8 | u128::from(*byte));
            *sum = sum.wrapping_add(half);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_sum_that_everybody_can_take() {
        let mut lines = Lines::new();
        lines.add(b"a");
        lines.add(b"b");
        // printf 'a\nb\n' | sha256sum
        assert_eq!(
            lines.finish(),
            "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"
        );
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_their_content_does() {
        let sum = |lines: &[&str]| {
            let mut rows = Rows::default();
            lines.iter().for_each(|line| rows.add(line.as_bytes()));
            rows
        };
        assert_eq!(sum(&["a", "b"]), sum(&["b", "a"]));
        assert_ne!(sum(&["a", "b"]), sum(&["a", "c"]));
        assert_ne!(sum(&["a", "a"]), sum(&["a"]));
    }
}
