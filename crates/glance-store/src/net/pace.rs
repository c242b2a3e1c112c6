//! Whether a server sends fast enough.

use std::time::Duration;

/// Bytes are compared with the time that was spent waiting for them. While the receiver is what is
/// slow, no time passes here.
#[derive(Debug)]
pub(crate) struct Pace {
    minimum: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// At least `minimum` bytes in a second, over each `window`.
    pub(crate) fn new(minimum: u64, window: Duration) -> Self {
        Self {
            minimum,
            window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Counts `bytes` that came after `waited`. False: they were too few.
    pub(crate) fn keeps_up(&mut self, bytes: u64, waited: Duration) -> bool {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < self.window {
            return true;
        }
        let expected = self.minimum.saturating_mul(self.waited.as_secs());
        let enough = self.bytes >= expected;
        self.waited = Duration::ZERO;
        self.bytes = 0;
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ends_what_drips() {
        let mut pace = Pace::new(1000, 10 * SECOND);
        for _ in 0..9 {
            assert!(pace.keeps_up(1, SECOND));
        }
        assert!(!pace.keeps_up(1, SECOND));
    }

    #[test]
    fn lets_what_flows() {
        let mut pace = Pace::new(1000, 10 * SECOND);
        for _ in 0..100 {
            assert!(pace.keeps_up(0, SECOND / 2));
            assert!(pace.keeps_up(1500, SECOND / 2));
        }
        let mut any = Pace::new(0, SECOND);
        assert!(any.keeps_up(0, 100 * SECOND));
    }
}
