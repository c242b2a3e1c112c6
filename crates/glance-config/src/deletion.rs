//! When the data of deleted images goes.

use std::num::NonZeroU32;
use std::time::Duration;

options! {
    /// When the data of deleted images goes.
    pub struct DeletionConfig in "DEFAULT" {
        /// Whether deleted images wait as pending_delete until their data is scrubbed, rather than
        /// losing it at once.
        delayed_delete: bool = "false", restart;
        /// Seconds that a deleted image waits, at least, before its data is scrubbed.
        scrub_time: Duration = "0", restart;
        /// Seconds between two looks for images to scrub.
        wakeup_time: NonZeroU32 = "300", restart;
    }
}

impl DeletionConfig {
    /// The time between two looks for images to scrub.
    pub fn wakeup_interval(&self) -> Duration {
        Duration::from_secs(self.wakeup_time.get().into())
    }
}
