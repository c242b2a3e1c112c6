//! The promises that every store keeps, as functions that each store's tests call.
//!
//! Each takes an empty-handed store (its ids are its own) and panics where a promise is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

pub mod read_only;
pub mod services;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;

use crate::data::{Batch, ImageData};
use crate::error::{DataError, StoreError};
use crate::store::{ByteRange, Held, ImageStore};

/// Calls every promise, one after the other.
pub async fn all(store: &dyn ImageStore) {
    keeps_what_it_is_given(store).await;
    refuses_duplicates(store).await;
    one_of_several_wins(store).await;
    reads_ranges(store).await;
    deletes(store).await;
    readers_read_on_after_a_delete(store).await;
    shows_nothing_before_the_end(store).await;
    leaves_nothing_of_a_broken_upload(store).await;
    leaves_nothing_of_an_upload_that_was_dropped(store).await;
    refuses_other_sizes_than_announced(store).await;
    discards_what_is_there(store).await;
    lists_what_it_holds(store).await;
    sweeps_only_what_cannot_be_read(store).await;
    refuses_foreign_locations(store).await;
}

/// A test for each promise, so that a run lists which store keeps which.
///
/// `suite!(open)`: `open` is an asynchronous function without arguments whose result dereferences to
/// the store; what keeps its server or directory alive may lie in the same value.
#[cfg(test)]
macro_rules! suite {
    ($open:path) => {
        $crate::conformance::suite! {
            $open:
            keeps_what_it_is_given
            refuses_duplicates
            one_of_several_wins
            reads_ranges
            deletes
            readers_read_on_after_a_delete
            shows_nothing_before_the_end
            leaves_nothing_of_a_broken_upload
            leaves_nothing_of_an_upload_that_was_dropped
            refuses_other_sizes_than_announced
            discards_what_is_there
            lists_what_it_holds
            sweeps_only_what_cannot_be_read
            refuses_foreign_locations
        }
    };
    ($open:path: $($promise:ident)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let store = $open().await;
                $crate::conformance::$promise(&*store).await;
            }
        )+
    };
}
#[cfg(test)]
pub(crate) use suite;

/// `length` bytes that differ by position.
pub fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// The same as a stream of batches of uneven pieces.
pub fn data(bytes: &[u8], size: Option<u64>) -> ImageData {
    let batches: Vec<Batch> = bytes
        .chunks(300_000)
        .map(|batch| batch.chunks(70_001).map(Bytes::copy_from_slice).collect())
        .collect();
    ImageData::from_stream(size, stream::iter(batches.into_iter().map(Ok)))
}

/// Batches of so many bytes, and an empty piece each.
#[cfg(test)]
pub(crate) fn batches(sizes: &[usize]) -> crate::data::BatchStream {
    let batches: Vec<_> = sizes
        .iter()
        .map(|size| Ok(vec![Bytes::from(vec![7; *size]), Bytes::new()]))
        .collect();
    Box::pin(stream::iter(batches))
}

fn exactly(bytes: &[u8]) -> ImageData {
    data(bytes, Some(bytes.len() as u64))
}

/// Everything that the stream brings.
pub async fn collect(data: ImageData) -> Result<Vec<u8>, StoreError> {
    let batches: Vec<Batch> = data.into_stream().try_collect().await?;
    Ok(batches.concat().concat())
}

/// A caller of no account.
pub fn nobody() -> Identity {
    Identity::default()
}

/// Adds data for [`nobody`].
pub async fn add(
    store: &dyn ImageStore,
    id: &ImageId,
    data: ImageData,
) -> Result<LocationUrl, StoreError> {
    store
        .add(id, data, &nobody())
        .await
        .map(|added| added.location)
}

async fn read(store: &dyn ImageStore, location: &LocationUrl) -> Vec<u8> {
    collect(store.get(location, None, &nobody()).await.unwrap())
        .await
        .unwrap()
}

/// Where the store would put the data of `id`; it has none of it afterwards.
async fn location_of(store: &dyn ImageStore, id: &ImageId) -> LocationUrl {
    let location = add(store, id, exactly(b"x")).await.unwrap();
    store.delete(&location, &nobody()).await.unwrap();
    location
}

async fn assert_absent(store: &dyn ImageStore, location: &LocationUrl) {
    let got = store.get(location, None, &nobody()).await;
    assert!(matches!(got, Err(StoreError::NotFound)), "{got:?}");
    let stat = store.stat(location, &nobody()).await;
    assert!(matches!(stat, Err(StoreError::NotFound)), "{stat:?}");
}

/// What is added comes back, byte by byte, whether its size was announced or not.
pub async fn keeps_what_it_is_given(store: &dyn ImageStore) {
    for length in [0, 1, 5 * 1024 * 1024 + 1] {
        for announced in [true, false] {
            let bytes = bytes(length);
            let size = announced.then_some(length as u64);
            let location = add(store, &ImageId::generate(), data(&bytes, size))
                .await
                .unwrap();
            assert_eq!(location.scheme(), store.schemes()[0]);
            assert_eq!(
                store
                    .stat(&location, &nobody())
                    .await
                    .unwrap()
                    .size
                    .unwrap_or(length as u64),
                length as u64
            );
            let got = store.get(&location, None, &nobody()).await.unwrap();
            assert_eq!(got.size.unwrap_or(length as u64), length as u64);
            assert!(
                collect(got).await.unwrap() == bytes,
                "{length} bytes came back differently"
            );
            store.delete(&location, &nobody()).await.unwrap();
        }
    }
}

/// Data is never replaced.
pub async fn refuses_duplicates(store: &dyn ImageStore) {
    let id = ImageId::generate();
    let location = add(store, &id, exactly(b"first")).await.unwrap();
    for second in [&b"second"[..], b"", b"first"] {
        let result = add(store, &id, exactly(second)).await;
        assert!(matches!(result, Err(StoreError::Duplicate)), "{result:?}");
        assert_eq!(read(store, &location).await, b"first");
    }
    store.delete(&location, &nobody()).await.unwrap();
}

/// Of uploads of one image at the same time exactly one succeeds, and its data is what is kept.
pub async fn one_of_several_wins(store: &dyn ImageStore) {
    for _ in 0..5 {
        let id = ImageId::generate();
        let bodies: Vec<_> = (1..5_u8)
            .map(|n| vec![n; 600_000 + usize::from(n)])
            .collect();
        let adds = bodies.iter().map(|body| add(store, &id, exactly(body)));
        let results = future::join_all(adds).await;
        let mut winners = bodies
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_ok());
        let (body, location) = winners.next().expect("one upload must win");
        assert!(winners.next().is_none(), "more than one upload won");
        for result in &results {
            assert!(
                matches!(result, Ok(_) | Err(StoreError::Duplicate)),
                "{result:?}"
            );
        }
        let location = location.as_ref().unwrap();
        assert!(
            read(store, location).await == *body,
            "the winner's data was harmed"
        );
        store.delete(location, &nobody()).await.unwrap();
    }
}

/// Any part can be read, if the store says so.
pub async fn reads_ranges(store: &dyn ImageStore) {
    if !store.capabilities().range {
        return;
    }
    let bytes = bytes(1_000_003);
    let location = add(store, &ImageId::generate(), exactly(&bytes))
        .await
        .unwrap();
    for (offset, length) in [
        (0, 1),
        (0, 1_000_003),
        (1_000_002, 1),
        (7, 600_000),
        (999_000, 1_003),
    ] {
        let range = ByteRange {
            offset: offset as u64,
            length: length as u64,
        };
        let got = store.get(&location, Some(range), &nobody()).await.unwrap();
        assert_eq!(got.size, Some(length as u64));
        assert!(got.whole.is_none_or(|whole| whole == 1_000_003));
        assert!(collect(got).await.unwrap() == bytes[offset..offset + length]);
    }
    for offset in [999_999, 1_000_003, 2_000_000] {
        let beyond = ByteRange { offset, length: 5 };
        let read = match store.get(&location, Some(beyond), &nobody()).await {
            Ok(got) => collect(got).await,
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "a part beyond the end at {offset}");
    }
    store.delete(&location, &nobody()).await.unwrap();
}

/// Deleted data is gone, and a second delete says so.
pub async fn deletes(store: &dyn ImageStore) {
    let id = ImageId::generate();
    let location = add(store, &id, exactly(b"data")).await.unwrap();
    store.delete(&location, &nobody()).await.unwrap();
    assert_absent(store, &location).await;
    assert!(matches!(
        store.delete(&location, &nobody()).await,
        Err(StoreError::NotFound)
    ));
    let again = add(store, &id, exactly(b"again")).await.unwrap();
    assert_eq!(read(store, &again).await, b"again");
    store.delete(&again, &nobody()).await.unwrap();
}

/// A reader that has the data open gets all of it: always from a file; where a server has it, the
/// server decides, and the reader gets all of it or an error.
pub async fn readers_read_on_after_a_delete(store: &dyn ImageStore) {
    let bytes = bytes(3 * 1024 * 1024);
    let location = add(store, &ImageId::generate(), exactly(&bytes))
        .await
        .unwrap();
    let mut stream = store
        .get(&location, None, &nobody())
        .await
        .unwrap()
        .into_stream();
    let mut got = stream.next().await.unwrap().unwrap().concat();
    store.delete(&location, &nobody()).await.unwrap();
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => got.extend(batch.concat()),
            Err(error) if store.schemes().contains(&"file") => panic!("{error:?}"),
            Err(_) => {
                assert!(got.len() < bytes.len() && bytes.starts_with(&got));
                return;
            }
        }
    }
    assert!(got == bytes);
}

/// While data comes nobody can read or delete any of it.
pub async fn shows_nothing_before_the_end(store: &dyn ImageStore) {
    let id = ImageId::generate();
    let location = location_of(store, &id).await;
    let (sender, source) = futures_channel();
    let mut adding = pin!(add(store, &id, ImageData::from_stream(None, source)));
    for _ in 0..20 {
        sender
            .send(Ok(vec![Bytes::from(vec![1; 300_000])]))
            .await
            .unwrap();
        assert!(
            advance(&mut adding).await.is_none(),
            "the upload ended before its source"
        );
        assert_absent(store, &location).await;
        assert!(matches!(
            store.delete(&location, &nobody()).await,
            Err(StoreError::NotFound)
        ));
    }
    drop(sender);
    assert_eq!(
        read(store, &adding.await.unwrap()).await.len(),
        20 * 300_000
    );
    store.delete(&location, &nobody()).await.unwrap();
}

/// When the source fails the upload fails in the same way and nothing is there.
pub async fn leaves_nothing_of_a_broken_upload(store: &dyn ImageStore) {
    for batches in [0, 1, 9] {
        for size in [None, Some(10 * 300_000)] {
            let id = ImageId::generate();
            let location = location_of(store, &id).await;
            let good = (0..batches).map(|_| Ok(vec![Bytes::from(vec![1; 300_000])]));
            let source = good.chain([Err(DataError::Disconnected.into())]);
            let result = add(
                store,
                &id,
                ImageData::from_stream(size, stream::iter(Vec::from_iter(source))),
            );
            let result = result.await;
            assert!(
                matches!(result, Err(StoreError::Data(DataError::Disconnected))),
                "{result:?}"
            );
            assert_absent(store, &location).await;
            assert_empty_place(store, &id).await;
        }
    }
}

/// When the caller goes away, at whatever moment, nothing is there soon after.
pub async fn leaves_nothing_of_an_upload_that_was_dropped(store: &dyn ImageStore) {
    for steps in 0..30 {
        let id = ImageId::generate();
        let bytes = bytes(900_000);
        {
            let mut adding = pin!(add(store, &id, exactly(&bytes)));
            let mut done = None;
            for _ in 0..steps {
                if let Some(result) = future::poll_immediate(&mut adding).await {
                    done = Some(result.unwrap());
                    break;
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
            // Not always the place that was foreseen: of equal directories the emptier is taken.
            if let Some(location) = done {
                store.delete(&location, &nobody()).await.unwrap();
            }
        }
        // What is published after the drop is taken back: then the place is free.
        eventually(async || match add(store, &id, exactly(b"free")).await {
            Ok(location) => {
                assert_eq!(read(store, &location).await, b"free");
                store.delete(&location, &nobody()).await.unwrap();
                true
            }
            Err(StoreError::Duplicate) => false,
            Err(other) => panic!("{other:?}"),
        })
        .await;
    }
}

/// A size that was announced is the size that is kept.
pub async fn refuses_other_sizes_than_announced(store: &dyn ImageStore) {
    for announced in [0, 1, 999_999, 1_000_001] {
        let id = ImageId::generate();
        let result = add(store, &id, data(&bytes(1_000_000), Some(announced))).await;
        assert!(
            matches!(result, Err(StoreError::Data(DataError::WrongSize { .. }))),
            "{announced}: {result:?}"
        );
        assert_empty_place(store, &id).await;
    }
}

/// Discarding removes what is there, and is content when nothing is.
pub async fn discards_what_is_there(store: &dyn ImageStore) {
    let id = ImageId::generate();
    store.discard(&id, &nobody()).await.unwrap();
    let location = add(store, &id, exactly(b"left behind")).await.unwrap();
    let other = add(store, &ImageId::generate(), exactly(b"other"))
        .await
        .unwrap();
    for _ in 0..2 {
        store.discard(&id, &nobody()).await.unwrap();
        assert_absent(store, &location).await;
    }
    assert_eq!(read(store, &other).await, b"other");
    store.delete(&other, &nobody()).await.unwrap();
}

/// Everything in the store is listed with its image and size, if the store says that it can list.
pub async fn lists_what_it_holds(store: &dyn ImageStore) {
    if !store.capabilities().list {
        let first = store.list().next().await;
        assert!(matches!(first, Some(Err(StoreError::Unsupported))));
        return;
    }
    let bytes = bytes(1_500_000);
    let (id, empty) = (ImageId::generate(), ImageId::generate());
    let location = add(store, &id, exactly(&bytes)).await.unwrap();
    let other = add(store, &empty, exactly(b"")).await.unwrap();
    assert_eq!(held(store, &id).await, Some((location.clone(), 1_500_000)));
    assert_eq!(held(store, &empty).await, Some((other.clone(), 0)));
    store.delete(&location, &nobody()).await.unwrap();
    store.delete(&other, &nobody()).await.unwrap();
    assert_eq!(held(store, &id).await, None);
}

/// Where the list has the data of `id`, and its size.
async fn held(store: &dyn ImageStore, id: &ImageId) -> Option<(LocationUrl, u64)> {
    let everything: Vec<Held> = store.list().try_collect().await.unwrap();
    let mut found = everything.into_iter().filter_map(|held| match held {
        Held::Image {
            location,
            id: Some(owner),
            size,
        } if owner == *id => Some((location, size)),
        _ => None,
    });
    let first = found.next();
    assert!(found.next().is_none(), "{id} is listed twice");
    first
}

/// A sweep leaves whole data alone, however old it may be called.
pub async fn sweeps_only_what_cannot_be_read(store: &dyn ImageStore) {
    let bytes = bytes(1_500_000);
    let id = ImageId::generate();
    let location = add(store, &id, exactly(&bytes)).await.unwrap();
    store.sweep(Duration::from_secs(3600)).await.unwrap();
    assert!(read(store, &location).await == bytes);
    store.delete(&location, &nobody()).await.unwrap();
}

/// Locations that are not the store's reach nothing.
pub async fn refuses_foreign_locations(store: &dyn ImageStore) {
    for text in [
        "",
        "nonsense",
        "file:",
        "file://",
        "other://x/y",
        "file:///etc/passwd",
    ] {
        let location = LocationUrl::new(text);
        let refused =
            |error: &StoreError| matches!(error, StoreError::BadLocation | StoreError::NotFound);
        assert!(
            store
                .get(&location, None, &nobody())
                .await
                .is_err_and(|e| refused(&e)),
            "{text}"
        );
        assert!(
            store
                .stat(&location, &nobody())
                .await
                .is_err_and(|e| refused(&e)),
            "{text}"
        );
        assert!(
            store
                .delete(&location, &nobody())
                .await
                .is_err_and(|e| refused(&e)),
            "{text}"
        );
        assert!(store.metadata(&location).is_empty());
    }
}

/// No error and no `Debug` tells a path or a credential.
pub async fn errors_name_no_path(store: &dyn ImageStore, secret: &str) {
    let id = ImageId::generate();
    let location = location_of(store, &id).await;
    let error = store.get(&location, None, &nobody()).await.unwrap_err();
    let mut texts = vec![format!("{error:?} {error}")];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        texts.push(format!("{cause:?} {cause}"));
        source = cause.source();
    }
    assert!(texts.iter().all(|text| !text.contains(secret)), "{texts:?}");
}

/// The place of `id` is free: what is added comes back.
async fn assert_empty_place(store: &dyn ImageStore, id: &ImageId) {
    let location = add(store, id, exactly(b"free")).await.unwrap();
    assert_eq!(read(store, &location).await, b"free");
    store.delete(&location, &nobody()).await.unwrap();
}

type Items = tokio::sync::mpsc::Sender<Result<Batch, StoreError>>;

fn futures_channel() -> (
    Items,
    impl futures_core::Stream<Item = Result<Batch, StoreError>> + Send + 'static,
) {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let source = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    });
    (sender, source)
}

/// Lets a future run for a moment.
async fn advance<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(5), future)
        .await
        .ok()
}

/// Waits until `holds`, as long as a busy machine may take.
pub async fn eventually(holds: impl AsyncFn() -> bool) {
    for _ in 0..9_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within ninety seconds");
}
