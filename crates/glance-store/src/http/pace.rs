//! Whether a source sends fast enough.

use std::time::Duration;

use super::error::SourceError;

/// Bytes are compared with the time that was spent waiting for them. While the receiver is what is
/// slow, no time passes here.
#[derive(Debug)]
pub(super) struct Pace {
    minimum: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// At least `minimum` bytes in a second, over each `window`.
    pub(super) fn new(minimum: u64, window: Duration) -> Self {
        Self {
            minimum,
            window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Counts `bytes` that came after `waited`.
    pub(super) fn count(&mut self, bytes: u64, waited: Duration) -> Result<(), SourceError> {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < self.window {
            return Ok(());
        }
        let expected = self.minimum.saturating_mul(self.waited.as_secs());
        let enough = self.bytes >= expected;
        self.waited = Duration::ZERO;
        self.bytes = 0;
        if enough {
            Ok(())
        } else {
            Err(SourceError::TooSlow)
        }
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
            pace.count(1, SECOND).unwrap();
        }
        assert!(matches!(pace.count(1, SECOND), Err(SourceError::TooSlow)));
    }

    #[test]
    fn lets_what_flows() {
        let mut pace = Pace::new(1000, 10 * SECOND);
        for _ in 0..100 {
            pace.count(0, SECOND / 2).unwrap();
            pace.count(1500, SECOND / 2).unwrap();
        }
        let mut any = Pace::new(0, SECOND);
        any.count(0, 100 * SECOND).unwrap();
    }
}
