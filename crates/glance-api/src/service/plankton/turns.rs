//! One change of an image's sharing at a time: Pithos is told whole lists, so that of two changes at
//! the same moment the later one would undo the other.
//!
//! Within this process they wait for each other; other daemons are not seen. Nothing is lost then
//! that the owner does not see in the next list of members.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Whose turn it is, by the image's id.
static TURNS: LazyLock<Mutex<HashMap<String, Weak<Turn<()>>>>> = LazyLock::new(Mutex::default);

/// Waits until nobody else is at it; others wait until the result is dropped.
pub(super) async fn take(id: &str) -> OwnedMutexGuard<()> {
    let id = id.to_ascii_lowercase().replace('-', "");
    let turn = {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = turns.get(&id).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(id, Arc::downgrade(&turn));
        turn
    };
    turn.lock_owned().await
}
