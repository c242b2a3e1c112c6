//! Each promise of the suite, by its name, in every way in which the store can keep data.

use super::*;
use crate::as_caller::AsCaller;

/// Ten segments for the largest that the suite sends: of more, Swift gives one a second if they are
/// that small.
const SMALL: u64 = 600_000;

/// With the options' defaults.
mod tempauth {
    use super::*;

    async fn open() -> Box<SwiftStore> {
        Box::new(super::open(&super::tempauth()))
    }

    crate::conformance::suite!(open);
}

/// Everything but the smallest in segments.
mod segments {
    use super::*;

    async fn open() -> Box<SwiftStore> {
        Box::new(sized(&super::tempauth(), SMALL, SMALL))
    }

    crate::conformance::suite!(open);
}

/// Everything of known size in one piece as it comes.
mod streams {
    use super::*;

    async fn open() -> Box<SwiftStore> {
        Box::new(sized(&super::tempauth(), u64::MAX, SMALL))
    }

    crate::conformance::suite!(open);
}

/// With Keystone's tokens.
mod keystone {
    use super::*;

    async fn open() -> Box<SwiftStore> {
        Box::new(sized(&super::keystone(), SMALL, SMALL))
    }

    crate::conformance::suite!(open);
}

/// In the tenants' own accounts.
mod multi_tenant {
    use super::*;

    async fn open() -> Box<AsCaller<SwiftStore>> {
        let config = SwiftConfig {
            swift_store_multi_tenant: true,
            ..super::keystone()
        };
        Box::new(AsCaller {
            store: sized(&config, SMALL, SMALL),
            caller: super::tenant("alice", "alpha").await,
            schemes: &["swift+http"],
        })
    }

    crate::conformance::suite!(open);
}
