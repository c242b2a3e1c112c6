//! The promises of a store that others fill: the reading part of those that every store keeps.

use glance_core::id::ImageId;
use glance_core::location::LocationUrl;

use super::{add, collect, data, nobody};
use crate::error::StoreError;
use crate::store::{ByteRange, ImageStore};

/// Calls every promise. `location` has `bytes`, a million at least; there is nothing at `absent`.
pub async fn all(
    store: &dyn ImageStore,
    location: &LocationUrl,
    bytes: &[u8],
    absent: &LocationUrl,
) {
    reads_what_is_there(store, location, bytes).await;
    reads_parts(store, location, bytes).await;
    many_read_at_once(store, location, bytes).await;
    readers_may_leave(store, location, bytes).await;
    says_when_nothing_is_there(store, absent).await;
    takes_no_data(store, location, bytes).await;
    reaches_nothing_else(store).await;
}

/// The whole comes back, byte by byte, and its size is known.
pub async fn reads_what_is_there(store: &dyn ImageStore, location: &LocationUrl, bytes: &[u8]) {
    let size = bytes.len() as u64;
    assert_eq!(
        store
            .stat(location, &nobody())
            .await
            .unwrap()
            .size
            .unwrap_or(size),
        size
    );
    let got = store.get(location, None, &nobody()).await.unwrap();
    assert_eq!(got.size.unwrap_or(size), size);
    assert!(collect(got).await.unwrap() == bytes);
}

/// Any part within the whole can be read.
pub async fn reads_parts(store: &dyn ImageStore, location: &LocationUrl, bytes: &[u8]) {
    if !store.capabilities().range {
        return;
    }
    let size = bytes.len();
    for (offset, length) in [
        (0, 1),
        (0, size),
        (size - 1, 1),
        (7, 600_000),
        (size - 1_003, 1_003),
    ] {
        let range = ByteRange {
            offset: offset as u64,
            length: length as u64,
        };
        let got = store.get(location, Some(range), &nobody()).await.unwrap();
        assert_eq!(got.size, Some(length as u64));
        assert!(collect(got).await.unwrap() == bytes[offset..offset + length]);
    }
}

/// Readers do not disturb one another.
pub async fn many_read_at_once(store: &dyn ImageStore, location: &LocationUrl, bytes: &[u8]) {
    let reads = (0..8).map(|_| async {
        let got = store.get(location, None, &nobody()).await.unwrap();
        collect(got).await.unwrap() == bytes
    });
    let equal = futures_util::future::join_all(reads).await;
    assert!(equal.into_iter().all(|equal| equal));
}

/// A reader who leaves in the middle leaves the store as it was.
pub async fn readers_may_leave(store: &dyn ImageStore, location: &LocationUrl, bytes: &[u8]) {
    use futures_util::StreamExt;
    for _ in 0..20 {
        let mut stream = store
            .get(location, None, &nobody())
            .await
            .unwrap()
            .into_stream();
        stream.next().await.unwrap().unwrap();
    }
    reads_what_is_there(store, location, bytes).await;
}

/// Nothing is not an empty image.
pub async fn says_when_nothing_is_there(store: &dyn ImageStore, absent: &LocationUrl) {
    let got = store.get(absent, None, &nobody()).await;
    assert!(matches!(got, Err(StoreError::NotFound)), "{got:?}");
    let stat = store.stat(absent, &nobody()).await;
    assert!(matches!(stat, Err(StoreError::NotFound)), "{stat:?}");
}

/// What others fill is theirs: nothing is added, nothing deleted.
pub async fn takes_no_data(store: &dyn ImageStore, location: &LocationUrl, bytes: &[u8]) {
    assert!(!store.capabilities().add && !store.capabilities().delete);
    let id = ImageId::generate();
    let added = add(store, &id, data(b"x", Some(1))).await;
    assert!(matches!(added, Err(StoreError::Unsupported)), "{added:?}");
    let deleted = store.delete(location, &nobody()).await;
    assert!(
        matches!(deleted, Err(StoreError::Unsupported)),
        "{deleted:?}"
    );
    store.discard(&id, &nobody()).await.unwrap();
    reads_what_is_there(store, location, bytes).await;
}

/// Locations that are not the store's reach nothing.
pub async fn reaches_nothing_else(store: &dyn ImageStore) {
    for text in [
        "",
        "nonsense",
        "http:",
        "http://",
        "other://x/y",
        "file:///etc/passwd",
    ] {
        let location = LocationUrl::new(text);
        let got = store.get(&location, None, &nobody()).await;
        assert!(
            matches!(got, Err(StoreError::BadLocation | StoreError::NotFound)),
            "{text}"
        );
        let stat = store.stat(&location, &nobody()).await;
        assert!(
            matches!(stat, Err(StoreError::BadLocation | StoreError::NotFound)),
            "{text}"
        );
        assert!(store.metadata(&location).is_empty());
    }
}
