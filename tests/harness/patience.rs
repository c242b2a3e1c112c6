//! Waiting for what must happen soon.

use std::time::{Duration, Instant};

/// The limits that stories name are those of a machine that has little else to do.
const BUSY: u32 = 4;

/// Calls `look` until it finds something; `None` when it found nothing for `limit`, and for much
/// longer where machines are busy.
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit * BUSY;
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

/// Waits as [`within`] does until `holds`, and fails the story with `what` when it does not.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let found = within(Duration::from_secs(seconds), || holds().then_some(()));
    assert!(found.is_some(), "not within {seconds} s: {what}");
}
