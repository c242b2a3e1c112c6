//! Each promise of the suite, by its name, in every way in which the store can keep data.

use super::*;

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

    async fn open() -> Box<AsTenant> {
        let config = SwiftConfig {
            swift_store_multi_tenant: true,
            ..super::keystone()
        };
        Box::new(AsTenant {
            store: sized(&config, SMALL, SMALL),
            tenant: super::tenant("alice", "alpha").await,
        })
    }

    crate::conformance::suite!(open);
}

/// A store for one tenant, whoever asks.
#[derive(Debug)]
struct AsTenant {
    store: SwiftStore,
    tenant: Identity,
}

#[async_trait]
impl ImageStore for AsTenant {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["swift+http"]
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn add(&self, id: &ImageId, data: ImageData, _: &Identity) -> Result<Added, StoreError> {
        self.store.add(id, data, &self.tenant).await
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        self.store.get(location, range, &self.tenant).await
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        self.store.stat(location, &self.tenant).await
    }

    async fn delete(&self, location: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        self.store.delete(location, &self.tenant).await
    }

    fn metadata(&self, location: &LocationUrl) -> Map<String, Value> {
        self.store.metadata(location)
    }

    async fn discard(&self, id: &ImageId, _: &Identity) -> Result<(), StoreError> {
        self.store.discard(id, &self.tenant).await
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        _: &Identity,
    ) -> Result<(), StoreError> {
        self.store.share(location, readers, &self.tenant).await
    }

    fn list(&self) -> HeldStream<'_> {
        self.store.list()
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        self.store.sweep(idle).await
    }
}
