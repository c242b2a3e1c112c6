//! Pauses between attempts.

use std::time::Duration;

/// The pause before attempt number `attempt` after the first, counted from 1: it doubles from 200
/// milliseconds to five seconds, each between half and all of that, so that many who failed
/// together do not come back together.
pub async fn pause(attempt: u32) {
    let full = (100_u64 << attempt.clamp(1, 6)).min(5_000);
    let mut random = [0; 2];
    // Without chance the pause is merely the longest.
    let part = match getrandom::fill(&mut random) {
        Ok(()) => u64::from(u16::from_le_bytes(random)),
        Err(_) => u64::from(u16::MAX),
    };
    let millis = full / 2 + full / 2 * part / u64::from(u16::MAX);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
