//! What the operator is told when nobody can say whose tokens are.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use glance_config::chain;

/// Tells the operator once, for as long as the reason stays the same, and when it is over.
#[derive(Debug)]
pub(crate) struct Complaints {
    whom: &'static str,
    base: String,
    last: Mutex<Option<String>>,
}

impl Complaints {
    /// About `whom`, who is at `base`.
    pub(crate) fn new(whom: &'static str, base: &str) -> Self {
        Self {
            whom,
            base: base.to_owned(),
            last: Mutex::new(None),
        }
    }

    pub(crate) fn complain(&self, error: &dyn Error) {
        let reason = chain(error);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&reason) {
            log::error!(
                "{} at {}: {reason}; requests whose tokens are not known yet get 503",
                self.whom,
                self.base
            );
            *last = Some(reason);
        }
    }

    pub(crate) fn is_well(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            log::info!("{} at {} validates tokens again", self.whom, self.base);
        }
    }
}
