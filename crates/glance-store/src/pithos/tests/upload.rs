//! Uploads: which blocks are sent, and what becomes of them on the way.

use std::num::NonZeroU32;

use futures_util::TryStreamExt;
use tokio::sync::Barrier;

use super::proxy::{Asked, Meddling, Proxy, watching};
use super::*;
use crate::conformance::{add, collect, data, nobody};
use crate::store::Held;

/// `blocks` blocks and a bit, each of which no other test has.
fn fresh(blocks: usize) -> Vec<u8> {
    let mut bytes = vec![0; blocks * BLOCK + 36];
    for block in bytes.chunks_mut(BLOCK) {
        block[..36].copy_from_slice(ImageId::generate().to_string().as_bytes());
    }
    bytes
}

async fn read(store: &PithosStore, location: &LocationUrl) -> Vec<u8> {
    let got = store.get(location, None, &nobody()).await.unwrap();
    collect(got).await.unwrap()
}

async fn is_empty(store: &PithosStore) -> bool {
    let held: Vec<Held> = store.list().try_collect().await.unwrap();
    held.is_empty()
}

#[tokio::test]
async fn sends_only_blocks_that_lack() {
    let proxy = watching().await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let mut bytes = fresh(3);
    for announced in [false, true] {
        let size = announced.then_some(bytes.len() as u64);
        let id = ImageId::generate();
        let location = add(&store, &id, data(&bytes, size)).await.unwrap();
        assert!(read(&store, &location).await == bytes);
    }
    assert_eq!(proxy.count(Asked::is_block), 4);
    bytes[BLOCK + 20] ^= 1;
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    assert!(read(&store, &location).await == bytes);
    assert_eq!(proxy.count(Asked::is_block), 5);
}

#[tokio::test]
async fn as_many_blocks_are_on_their_way_as_is_allowed() {
    let three: &Barrier = Box::leak(Box::new(Barrier::new(3)));
    let proxy = Proxy::start(Asked::is_block, move |_| Meddling::Meet(three)).await;
    let config = PithosConfig {
        pithos_store_upload_parallel: NonZeroU32::new(3).unwrap(),
        ..by_way_of(&proxy.url, ours())
    };
    let store = open(&config);
    let bytes = fresh(5);
    let location = add(&store, &ImageId::generate(), data(&bytes, None))
        .await
        .unwrap();
    assert!(read(&store, &location).await == bytes);
}

#[tokio::test]
async fn a_block_that_comes_again_is_asked_for_once() {
    let proxy = watching().await;
    let config = PithosConfig {
        pithos_store_upload_parallel: NonZeroU32::MIN,
        ..by_way_of(&proxy.url, ours())
    };
    let store = open(&config);
    let bytes = [&vec![0; 5 * BLOCK][..], b"end\0\0"].concat();
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    assert!(read(&store, &location).await == bytes);
    assert_eq!(proxy.count(Asked::is_question), 2);
}

#[tokio::test]
async fn a_publication_whose_answer_is_lost_is_no_duplicate() {
    for blocks in [0, 2] {
        let lost = |before| match before {
            0 => Meddling::Lose,
            _ => Meddling::Pass,
        };
        let proxy = Proxy::start(Asked::publishes, lost).await;
        let store = open(&by_way_of(&proxy.url, ours()));
        let bytes = fresh(blocks);
        let id = ImageId::generate();
        let location = add(&store, &id, data(&bytes, None)).await.unwrap();
        assert!(read(&store, &location).await == bytes);
        let again = add(&store, &id, data(&bytes, None)).await;
        assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
    }
}

#[tokio::test]
async fn what_was_in_the_way_and_went_is_no_duplicate() {
    for blocks in [0, 2] {
        let in_the_way = |before| match before {
            0 => Meddling::Answer(412),
            _ => Meddling::Pass,
        };
        let proxy = Proxy::start(Asked::publishes, in_the_way).await;
        let store = open(&by_way_of(&proxy.url, ours()));
        let bytes = fresh(blocks);
        let id = ImageId::generate();
        let location = add(&store, &id, data(&bytes, None)).await.unwrap();
        assert!(read(&store, &location).await == bytes);
        assert_eq!(proxy.count(Asked::publishes), 2);
    }
    // Nor is it waited for without end.
    let proxy = Proxy::start(Asked::publishes, |_| Meddling::Answer(412)).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let added = add(&store, &ImageId::generate(), data(b"x", None)).await;
    assert!(
        matches!(added, Err(StoreError::Unavailable(_))),
        "{added:?}"
    );
    assert_eq!(proxy.count(Asked::publishes), 4);
}

#[tokio::test]
async fn blocks_are_sent_again_after_trouble() {
    let trouble = |before| match before {
        0 => Meddling::Answer(503),
        1 => Meddling::Lose,
        2 => Meddling::Body("[\"00\"]"),
        _ => Meddling::Pass,
    };
    let proxy = Proxy::start(Asked::is_block, trouble).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let bytes = fresh(1);
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    assert!(read(&store, &location).await == bytes);
    assert_eq!(proxy.count(Asked::is_block), 5);
}

#[tokio::test]
async fn a_block_with_another_hash_is_never_published() {
    let proxy = Proxy::start(Asked::is_block, |_| Meddling::Body("[\"00\"]")).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let added = add(&store, &ImageId::generate(), data(&fresh(1), None)).await;
    let text = glance_config::chain(&added.unwrap_err());
    assert!(text.contains("another hash"), "{text}");
    assert_eq!(proxy.count(Asked::publishes), 0);
}

#[tokio::test]
async fn an_image_with_another_hash_does_not_stay() {
    for blocks in [0, 1] {
        // The first look is whether there is an image already.
        let looks = |asked: &Asked| asked.method == "HEAD" && asked.path.matches('/').count() > 2;
        let other = |_| Meddling::Header("x-object-hash", "00");
        let proxy = Proxy::start(looks, other).await;
        let config = by_way_of(&proxy.url, ours());
        let store = open(&config);
        let added = add(&store, &ImageId::generate(), data(&fresh(blocks), None)).await;
        let text = glance_config::chain(&added.unwrap_err());
        assert!(text.contains("another hash"), "{text}");
        assert!(is_empty(&store).await);
    }
}

#[tokio::test]
async fn blocks_that_went_before_the_publication_end_it() {
    let proxy = Proxy::start(Asked::publishes, |_| Meddling::Answer(409)).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let added = add(&store, &ImageId::generate(), data(&fresh(1), None)).await;
    let text = glance_config::chain(&added.unwrap_err());
    assert!(text.contains("does not have all blocks"), "{text}");
}

#[tokio::test]
async fn a_used_up_quota_is_a_full_store() {
    for refuses in [Asked::publishes, Asked::is_question, Asked::is_block] {
        let proxy = Proxy::start(refuses, |_| Meddling::Answer(413)).await;
        let store = open(&by_way_of(&proxy.url, ours()));
        let added = add(&store, &ImageId::generate(), data(&fresh(1), None)).await;
        assert!(matches!(added, Err(StoreError::Full)), "{added:?}");
    }
}

#[tokio::test]
async fn a_container_is_made_only_if_that_is_wanted() {
    let config = PithosConfig {
        pithos_store_create_container_on_put: false,
        ..ours()
    };
    let store = open(&config);
    let added = add(&store, &ImageId::generate(), data(b"x", None)).await;
    let text = glance_config::chain(&added.unwrap_err());
    assert!(text.contains("create_container_on_put"), "{text}");
    let own = account(&store, "glance");
    own.make_container(&config.pithos_store_container)
        .await
        .unwrap();
    add(&store, &ImageId::generate(), data(b"x", None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_container_that_went_is_looked_for_again() {
    let store = open(&ours());
    let id = ImageId::generate();
    let location = add(&store, &id, data(b"x", None)).await.unwrap();
    store.delete(&location, &nobody()).await.unwrap();
    let container = &store.inner.options.container;
    let call = Call::container(Method::DELETE, container);
    let status = account(&store, "glance").status(&call).await.unwrap();
    assert_eq!(status, StatusCode::NO_CONTENT);
    let added = add(&store, &id, data(b"x", None)).await;
    let text = glance_config::chain(&added.unwrap_err());
    assert!(text.contains("the container has gone"), "{text}");
    add(&store, &id, data(b"x", None)).await.unwrap();
}

#[tokio::test]
async fn lists_pages_and_other_names_but_no_folders() {
    let store = open(&ours());
    let container = &store.inner.options.container;
    let own = account(&store, "glance");
    for number in 0..1_002 {
        put(&own, container, &format!("é {number}"), b"x").await;
    }
    let call = Call::object(Method::PUT, container, "folder").header(
        "content-type",
        hyper::header::HeaderValue::from_static("application/directory"),
    );
    own.status(&call).await.unwrap();
    let held: Vec<Held> = store.list().try_collect().await.unwrap();
    assert_eq!(held.len(), 1_002);
    let is_other = |held: &Held| {
        matches!(
            held,
            Held::Image {
                id: None,
                size: 1,
                ..
            }
        )
    };
    assert!(held.iter().all(is_other));
}
