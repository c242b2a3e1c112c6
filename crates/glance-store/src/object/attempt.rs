//! Uploads that nobody waits for any more: until they are taken back, their names are not free.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use object_store::path::Path;
use tokio::sync::watch;

/// The names of uploads that are being taken back, and how many there are of each.
pub(super) type Abandoned = Arc<watch::Sender<HashMap<Path, usize>>>;

/// One upload. Whatever works for it holds a clone, also when its caller has left.
#[derive(Debug)]
pub(super) struct Attempt {
    object: Path,
    abandoned: Abandoned,
    left: AtomicBool,
}

/// The caller, who waits for the upload as long as this lives.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Arc<Attempt>);

impl Attempt {
    /// An upload to `object`, which begins when none is being taken back there.
    pub(super) async fn begin(abandoned: &Abandoned, object: &Path) -> Caller {
        let mut names = abandoned.subscribe();
        // The sender is in `abandoned`, so the wait ends only because of the name.
        let _ = names.wait_for(|names| !names.contains_key(object)).await;
        Caller(Arc::new(Self {
            object: object.clone(),
            abandoned: abandoned.clone(),
            left: AtomicBool::new(false),
        }))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.left.store(true, SeqCst);
        let count =
            |names: &mut HashMap<_, _>| *names.entry(self.0.object.clone()).or_insert(0) += 1;
        self.0.abandoned.send_modify(count);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.left.load(SeqCst) {
            return;
        }
        self.abandoned.send_modify(|names| {
            if let Some(count) = names.get_mut(&self.object) {
                *count -= 1;
                if *count == 0 {
                    names.remove(&self.object);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn a_name_is_free_when_nothing_works_for_it() {
        let abandoned = Abandoned::default();
        let object = Path::from("a");
        let caller = Attempt::begin(&abandoned, &object).await;
        // Who still waits keeps nobody waiting.
        let other = Attempt::begin(&abandoned, &object).await;
        let work = caller.0.clone();
        drop(caller);
        drop(other);
        assert!(
            poll_immediate(Attempt::begin(&abandoned, &object))
                .await
                .is_none()
        );
        assert!(
            poll_immediate(Attempt::begin(&abandoned, &Path::from("b")))
                .await
                .is_some()
        );
        drop(work);
        assert!(
            poll_immediate(Attempt::begin(&abandoned, &object))
                .await
                .is_some()
        );
        assert!(abandoned.borrow().is_empty());
    }
}
