//! Each promise of the suite, by its name, in both ways in which the store can keep data.

use super::*;

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

    async fn open() -> Box<AsCaller> {
        Box::new(AsCaller {
            store: super::open(&super::theirs()),
            caller: super::caller("alice"),
        })
    }

    crate::conformance::suite!(open);
}

/// A store for one caller, whoever asks.
#[derive(Debug)]
struct AsCaller {
    store: PithosStore,
    caller: Identity,
}

#[async_trait]
impl ImageStore for AsCaller {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.store.schemes()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn add(&self, id: &ImageId, data: ImageData, _: &Identity) -> Result<Added, StoreError> {
        self.store.add(id, data, &self.caller).await
    }

    async fn get(
        &self,
        location: &LocationUrl,
        range: Option<ByteRange>,
        _: &Identity,
    ) -> Result<ImageData, StoreError> {
        self.store.get(location, range, &self.caller).await
    }

    async fn stat(&self, location: &LocationUrl, _: &Identity) -> Result<ImageStat, StoreError> {
        self.store.stat(location, &self.caller).await
    }

    async fn delete(&self, location: &LocationUrl, _: &Identity) -> Result<(), StoreError> {
        self.store.delete(location, &self.caller).await
    }

    fn metadata(&self, location: &LocationUrl) -> Map<String, Value> {
        self.store.metadata(location)
    }

    async fn discard(&self, id: &ImageId, _: &Identity) -> Result<(), StoreError> {
        self.store.discard(id, &self.caller).await
    }

    async fn share(
        &self,
        location: &LocationUrl,
        readers: &Readers,
        _: &Identity,
    ) -> Result<(), StoreError> {
        self.store.share(location, readers, &self.caller).await
    }

    fn list(&self) -> HeldStream<'_> {
        self.store.list()
    }

    async fn sweep(&self, idle: Duration) -> Result<u64, StoreError> {
        self.store.sweep(idle).await
    }
}
