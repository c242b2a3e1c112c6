//! One upload of an image at a time, as far as one process can see to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who uploads what. Servers that cannot write on a condition, or look whether there is an object
/// when they begin to take another one (Swift, Pithos), do not keep two uploads apart; the lease in
/// the registry does so between processes.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Mutex<HashMap<String, Weak<Turn<()>>>>,
}

/// The right to upload one image; it ends when this is dropped.
pub(crate) type Mine = OwnedMutexGuard<()>;

impl Turns {
    /// Waits until nobody else here uploads `name`.
    pub(crate) async fn take(&self, name: &str) -> Mine {
        let turn = {
            let mut taken = self.taken();
            taken.retain(|_, turn| turn.strong_count() > 0);
            match taken.get(name).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::new(Turn::new(()));
                    taken.insert(name.to_owned(), Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }

    /// Whether somebody here uploads `name`.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        let taken = self.taken();
        taken.get(name).is_some_and(|turn| turn.strong_count() > 0)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, Weak<Turn<()>>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn gives_one_turn_at_a_time() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        assert!(turns.is_taken("a") && !turns.is_taken("b"));
        let other = turns.take("b").await;
        assert!(poll_immediate(turns.take("a")).await.is_none());
        drop((first, other));
        assert!(!turns.is_taken("a"));
        assert!(poll_immediate(turns.take("a")).await.is_some());
    }
}
