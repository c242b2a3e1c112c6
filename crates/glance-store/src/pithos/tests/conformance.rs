//! Each promise of the suite, by its name, in both ways in which the store can keep data.

use super::*;
use crate::as_caller::AsCaller;

/// In the service's account.
mod ours {
    use super::*;

    async fn open() -> Box<PithosStore> {
        Box::new(super::open(&super::ours()))
    }

    crate::conformance::suite!(open);
}

/// In the callers' own accounts.
mod theirs {
    use super::*;

    async fn open() -> Box<AsCaller<PithosStore>> {
        let store = super::open(&super::theirs());
        Box::new(AsCaller {
            schemes: store.schemes(),
            store,
            caller: super::caller("alice"),
        })
    }

    crate::conformance::suite!(open);
}
