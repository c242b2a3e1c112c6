//! When the data of deleted images goes.

use std::num::NonZeroU32;
use std::time::Duration;

options! {
    /// When the data of deleted images goes.
    pub struct DeletionConfig in "DEFAULT" {
        /// Whether deleted images wait as pending_delete until their data is scrubbed, rather than
        /// losing it at once.
        delayed_delete: bool = "false", live;
        /// Seconds that a deleted image waits, at least, before its data is scrubbed.
        scrub_time: Duration = "0", live;
        /// Accepted for Glance's sake: images to scrub are looked for three times in lease_seconds.
        wakeup_time: NonZeroU32 = "300", restart;
    }
}
