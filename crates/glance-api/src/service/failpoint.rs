//! Places where a test can stop the daemon dead.

use std::sync::OnceLock;

/// Ends the process at once, as `kill -9` would, if `GLANCE_FAILPOINT` names this place.
///
/// The crash stories use it to prove that recovery brings every image to a definite state. The
/// variable is read once; without it this costs one comparison.
pub(super) fn failpoint(name: &str) {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("GLANCE_FAILPOINT").ok());
    if chosen.as_deref() == Some(name) {
        log::error!("stopping dead at {name}, as GLANCE_FAILPOINT demands");
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
