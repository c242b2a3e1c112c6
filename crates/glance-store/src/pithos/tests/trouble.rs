//! Answers that are lost, connections that break, data that changes, and options that are wrong.

use super::proxy::{Asked, Meddling, Proxy};
use super::*;
use crate::conformance::{add, bytes, collect, data, nobody};

fn reads(asked: &Asked) -> bool {
    asked.method == "GET"
}

/// An image of 100,000 bytes whose first download breaks after 10,000.
async fn cut() -> (Proxy, PithosStore, LocationUrl) {
    let once = |before| match before {
        0 => Meddling::Cut(10_000),
        _ => Meddling::Pass,
    };
    let proxy = Proxy::start(reads, once).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    let image = data(&bytes(100_000), None);
    let location = add(&store, &ImageId::generate(), image).await.unwrap();
    (proxy, store, location)
}

fn ranges(proxy: &Proxy) -> Vec<Option<String>> {
    let asked = proxy.asked(reads);
    let ranges = asked.iter().map(|asked| asked.range().map(str::to_owned));
    ranges.collect()
}

#[tokio::test]
async fn takes_a_download_up_again_where_it_broke_off() {
    let (proxy, store, location) = cut().await;
    let got = store.get(&location, None, &nobody()).await.unwrap();
    assert!(collect(got).await.unwrap() == bytes(100_000));
    assert_eq!(ranges(&proxy), [None, Some("bytes=10000-99999".to_owned())]);
}

#[tokio::test]
async fn takes_a_part_up_again_where_it_broke_off() {
    let (proxy, store, location) = cut().await;
    let range = ByteRange {
        offset: 5_000,
        length: 50_000,
    };
    let got = store.get(&location, Some(range), &nobody()).await.unwrap();
    assert!(collect(got).await.unwrap() == bytes(100_000)[5_000..55_000]);
    let asked = ["bytes=5000-54999", "bytes=15000-54999"];
    assert_eq!(ranges(&proxy), asked.map(|range| Some(range.to_owned())));
}

#[tokio::test]
async fn other_data_is_not_the_rest() {
    for again in [false, true] {
        let (_proxy, store, location) = cut().await;
        let got = store.get(&location, None, &nobody()).await.unwrap();
        let own = account(&store, "glance");
        let container = &store.inner.options.container;
        let name = location.expose().rsplit_once('/').unwrap().1;
        // Even the same data in another object is somebody else's.
        let mut new = bytes(100_000);
        if again {
            assert!(own.delete(container, name).await.unwrap());
        } else {
            new[99_999] ^= 1;
        }
        put(&own, container, name, &new).await;
        let seen = store.stat(&location, &nobody()).await.unwrap().object;
        assert_ne!(seen, got.object);
        let got = collect(got).await.map(|got| got.len());
        assert!(matches!(got, Err(StoreError::Answered(412))), "{got:?}");
    }
}

#[tokio::test]
async fn passing_trouble_passes() {
    let trouble = |before| match before {
        0 => Meddling::Answer(503),
        1 => Meddling::Lose,
        2 => Meddling::Answer(502),
        _ => Meddling::Pass,
    };
    let proxy = Proxy::start(|asked| asked.method == "HEAD", trouble).await;
    let store = open(&by_way_of(&proxy.url, ours()));
    add(&store, &ImageId::generate(), data(b"x", None))
        .await
        .unwrap();
}

#[tokio::test]
async fn trouble_that_stays_is_told() {
    for meddling in [Meddling::Answer(500), Meddling::Lose] {
        let proxy = Proxy::start(|_| true, move |_| meddling).await;
        let store = open(&by_way_of(&proxy.url, ours()));
        let location = place("glance", "images", "o");
        let seen = store.stat(&location, &nobody()).await;
        assert!(matches!(seen, Err(StoreError::Unavailable(_))), "{seen:?}");
        assert_eq!(proxy.count(|_| true), 4);
    }
}

#[tokio::test]
async fn what_is_no_pithos_is_not_taken_for_one() {
    let proxy = Proxy::start(
        |asked| asked.method == "HEAD",
        |_| Meddling::Header("x-object-version", "new"),
    )
    .await;
    let store = open(&by_way_of(&proxy.url, theirs()));
    put(&account(&store, "alice"), "images", "plain", b"x").await;
    let seen = store
        .stat(&place("alice", "images", "plain"), &caller("alice"))
        .await;
    let text = glance_config::chain(&seen.unwrap_err());
    assert!(text.contains("what an object of Pithos has"), "{text}");
}

#[tokio::test]
async fn a_container_that_hashes_otherwise_takes_no_image() {
    for (name, value) in [
        ("x-container-block-hash", "crc32"),
        ("x-container-block-size", "0"),
        ("x-container-block-size", "99999999999"),
    ] {
        let looks = |asked: &Asked| asked.method == "HEAD" && asked.path.matches('/').count() == 2;
        let proxy = Proxy::start(looks, move |_| Meddling::Header(name, value)).await;
        let store = open(&by_way_of(&proxy.url, ours()));
        let added = add(&store, &ImageId::generate(), data(b"x", None)).await;
        let text = glance_config::chain(&added.unwrap_err());
        assert!(text.contains("container"), "{text}");
    }
}

#[test]
fn options_that_cannot_be_used_are_an_error_at_start() {
    let refused = |config: PithosConfig| {
        let error = PithosStore::open(&config).unwrap_err();
        error.to_string()
    };
    let at = |endpoint: &str| PithosConfig {
        pithos_store_endpoint: Some(endpoint.to_owned()),
        ..PithosConfig::default()
    };
    assert_eq!(
        refused(PithosConfig::default()),
        "pithos_store_endpoint: the pithos store needs it"
    );
    for endpoint in ["ftp://host/v1", "http://host/v1?x", "http://", "h o s t"] {
        assert_eq!(
            refused(at(endpoint)),
            "pithos_store_endpoint: it is no address"
        );
    }
    for container in ["", "a/b"] {
        let config = PithosConfig {
            pithos_store_container: container.to_owned(),
            ..at("host")
        };
        let expected = "pithos_store_container: it is no name of a container";
        assert_eq!(refused(config), expected);
    }
    let config = PithosConfig {
        pithos_store_token: Some(Secret::new("a\nb")),
        ..at("host")
    };
    assert_eq!(refused(config), "pithos_store_token: it is no token");
    let store = open(&at("host/v1/"));
    assert_eq!(&*store.inner.options.endpoint, "https://host/v1");
}

#[test]
fn a_token_without_an_account_adds_nothing() {
    let config = PithosConfig {
        pithos_store_endpoint: Some("http://127.0.0.1:1/v1".to_owned()),
        pithos_store_token: Some(Secret::new("t")),
        ..PithosConfig::default()
    };
    let able = open(&config).capabilities();
    assert!(!able.add && !able.list && able.delete && able.share);
}
