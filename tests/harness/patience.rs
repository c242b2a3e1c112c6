//! Waiting for what must happen soon.

use std::time::{Duration, Instant};

/// Calls `look` until it finds something; `None` when it found nothing for `limit`.
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `holds`, and fails the story with `what` when it does not for `seconds`.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let found = within(Duration::from_secs(seconds), || holds().then_some(()));
    assert!(found.is_some(), "not within {seconds} s: {what}");
}
