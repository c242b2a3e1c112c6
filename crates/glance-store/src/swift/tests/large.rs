//! Large objects, ours and Glance's, and what is left of them.

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;

use super::*;
use crate::conformance::{add, bytes, collect, data, nobody};
use crate::error::DataError;
use crate::net::call::Call;
use crate::store::Held;

const SEGMENT: u64 = 100_000;

async fn put(store: &SwiftStore, name: &str, headers: &[(&'static str, &str)], body: &[u8]) {
    let account = account(store);
    let container = &store.inner.options.container;
    account.make_container(container).await.unwrap();
    let mut call = Call::object(Method::PUT, container, name);
    for (name, value) in headers {
        call = call.header(name, HeaderValue::from_str(value).unwrap());
    }
    let body = vec![Bytes::copy_from_slice(body)];
    assert!(account.done(&call.body(body)).await.unwrap());
}

async fn read(store: &SwiftStore, location: &LocationUrl, range: Option<ByteRange>) -> Vec<u8> {
    let got = store.get(location, range, &nobody()).await.unwrap();
    collect(got).await.unwrap()
}

async fn held(store: &SwiftStore) -> Vec<Held> {
    store.list().try_collect().await.unwrap()
}

fn location(store: &SwiftStore, id: &ImageId) -> LocationUrl {
    let access = store.inner.options.access().unwrap();
    store.inner.place(access, id).write()
}

#[tokio::test]
async fn reads_ranges_over_the_borders_of_segments() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    let bytes = bytes(350_001);
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    assert_eq!(names_in(&store).await.len(), 5);
    for (offset, length) in [
        (0, 350_001),
        (99_999, 1),
        (99_999, 2),
        (100_000, 100_000),
        (50_000, 250_000),
        (299_999, 50_002),
        (350_000, 1),
    ] {
        let range = ByteRange {
            offset: offset as u64,
            length: length as u64,
        };
        assert!(read(&store, &location, Some(range)).await == bytes[offset..offset + length]);
    }
    let stat = store.stat(&location, &nobody()).await.unwrap();
    assert_eq!((stat.size, stat.checksum), (Some(350_001), None));
    store.delete(&location, &nobody()).await.unwrap();
    assert!(names_in(&store).await.is_empty());
}

#[tokio::test]
async fn keeps_more_segments_than_a_manifest_may_list() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    store.inner.manifest_limit.set(2).unwrap();
    let bytes = bytes(350_001);
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    // Four segments, two manifests, and theirs.
    assert_eq!(names_in(&store).await.len(), 7);
    assert!(read(&store, &location, None).await == bytes);
    let range = ByteRange {
        offset: 150_000,
        length: 100_000,
    };
    assert!(read(&store, &location, Some(range)).await == bytes[150_000..250_000]);
    let listed = held(&store).await;
    let [Held::Image { size: 350_001, .. }] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!(store.sweep(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(names_in(&store).await.len(), 7);
    store.delete(&location, &nobody()).await.unwrap();
    assert!(names_in(&store).await.is_empty());
}

#[tokio::test]
async fn more_than_manifests_of_manifests_can_list_is_too_large() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    store.inner.manifest_limit.set(2).unwrap();
    let added = add(&store, &ImageId::generate(), data(&bytes(400_001), None)).await;
    let Err(StoreError::Data(DataError::TooLarge(400_000))) = added else {
        panic!("{added:?}");
    };
    assert!(names_in(&store).await.is_empty());
}

#[tokio::test]
async fn the_server_says_how_much_a_manifest_may_list() {
    let store = open(&tempauth());
    assert_eq!(store.inner.manifest_limit(&account(&store)).await, 1_000);
    assert!(store.inner.manifest_limit.initialized());
}

/// As Glance's `swift` store writes them.
#[tokio::test]
async fn reads_lists_and_deletes_glances_dynamic_large_objects() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    let container = store.inner.options.container.clone();
    let id = ImageId::generate();
    let bytes = bytes(250_000);
    for (number, segment) in (1..).zip(bytes.chunks(100_000)) {
        put(&store, &format!("{id}-{number:05}"), &[], segment).await;
    }
    let manifest = format!("{container}/{id}-");
    let etag = "d41d8cd98f00b204e9800998ecf8427e";
    let headers = [("x-object-manifest", manifest.as_str()), ("etag", etag)];
    put(&store, id.as_str(), &headers, b"").await;
    put(&store, "not-an-image", &[], b"x").await;

    let location = location(&store, &id);
    let stat = store.stat(&location, &nobody()).await.unwrap();
    assert_eq!((stat.size, stat.checksum), (Some(250_000), None));
    assert!(read(&store, &location, None).await == bytes);
    let range = ByteRange {
        offset: 99_999,
        length: 100_002,
    };
    assert!(read(&store, &location, Some(range)).await == bytes[99_999..200_001]);
    let added = add(&store, &id, data(b"other", Some(5))).await;
    assert!(matches!(added, Err(StoreError::Duplicate)), "{added:?}");

    let listed = held(&store).await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed.contains(&Held::Image {
        location: location.clone(),
        id: Some(id.clone()),
        size: 250_000
    }));
    assert_eq!(store.sweep(Duration::ZERO).await.unwrap(), 0);
    store.delete(&location, &nobody()).await.unwrap();
    assert_eq!(names_in(&store).await, ["not-an-image"]);
}

#[tokio::test]
async fn lists_and_sweeps_what_uploads_left() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    let (kept, dead, glances) = (
        ImageId::generate(),
        ImageId::generate(),
        ImageId::generate(),
    );
    let bytes = bytes(250_000);
    let location = add(&store, &kept, data(&bytes, None)).await.unwrap();
    // Another upload of an image that is there, one of none, and one of Glance's.
    let mark = "00112233445566aa";
    put(&store, &names::segment(&kept, mark, 1), &[], b"123").await;
    put(&store, &names::segment(&dead, mark, 1), &[], b"123").await;
    put(&store, &names::segment(&dead, mark, 2), &[], b"45").await;
    put(&store, &format!("{glances}-00001"), &[], b"6").await;
    let mut left = Vec::new();
    for held in held(&store).await {
        if let Held::Unfinished { id, size, touched } = held {
            assert!(touched.elapsed().unwrap_or_default() < Duration::from_secs(60));
            left.push((id.unwrap(), size));
        }
    }
    left.sort_by_key(|(_, size)| *size);
    let mut expected = vec![(glances, 1), (kept, 3), (dead.clone(), 5)];
    expected.sort_by_key(|(_, size)| *size);
    assert_eq!(left, expected);

    assert_eq!(store.sweep(Duration::from_secs(600)).await.unwrap(), 0);
    assert_eq!(names_in(&store).await.len(), 8);
    assert_eq!(store.sweep(Duration::ZERO).await.unwrap(), 3);
    assert!(read(&store, &location, None).await == bytes);
    put(&store, &names::segment(&dead, mark, 1), &[], b"123").await;
    store.discard(&dead, &nobody()).await.unwrap();
    assert_eq!(names_in(&store).await.len(), 4);
    store.delete(&location, &nobody()).await.unwrap();
    assert!(names_in(&store).await.is_empty());
}

#[tokio::test]
async fn an_image_without_a_segment_is_never_given_whole_and_can_be_deleted() {
    let store = sized(&tempauth(), SEGMENT, SEGMENT);
    let bytes = bytes(250_000);
    let location = add(&store, &ImageId::generate(), data(&bytes, None)).await;
    let location = location.unwrap();
    let names = names_in(&store).await;
    let second = names.iter().find(|name| name.ends_with("-00002")).unwrap();
    let container = &store.inner.options.container;
    assert!(account(&store).delete(container, second).await.unwrap());
    let got = store.get(&location, None, &nobody()).await.unwrap();
    let got = collect(got).await;
    assert!(matches!(got, Err(StoreError::Unavailable(_))));
    store.delete(&location, &nobody()).await.unwrap();
    assert!(names_in(&store).await.is_empty());
}

#[tokio::test]
async fn tells_the_checksum_that_swift_has() {
    let bytes = bytes(350_001);
    let md5 = format!("{:x}", ::md5::compute(&bytes));
    // In one piece that is held, and in one that is not.
    for segment in [SEGMENT * 10, SEGMENT] {
        let store = sized(&tempauth(), u64::MAX, segment);
        let id = ImageId::generate();
        let added = store.add(&id, data(&bytes, Some(350_001)), &nobody()).await;
        let added = added.unwrap();
        assert_eq!(added.checksum.as_ref(), Some(&md5));
        let stat = store.stat(&added.location, &nobody()).await.unwrap();
        assert_eq!(stat.checksum.as_ref(), Some(&md5));
        assert_eq!(names_in(&store).await.len(), 1);
    }
}

#[tokio::test]
async fn makes_no_container_unless_told() {
    let config = SwiftConfig {
        swift_store_create_container_on_put: false,
        ..tempauth()
    };
    let store = open(&config);
    let added = add(&store, &ImageId::generate(), data(b"x", None)).await;
    let text = glance_config::chain(&added.unwrap_err());
    assert!(
        text.contains("swift_store_create_container_on_put"),
        "{text}"
    );
    assert!(held(&store).await.is_empty());
}

#[tokio::test]
async fn a_full_container_is_full() {
    for (large, segment) in [
        (SEGMENT, SEGMENT),
        (u64::MAX, SEGMENT),
        (u64::MAX, u64::MAX),
    ] {
        let store = sized(&tempauth(), large, segment);
        let container = store.inner.options.container.clone();
        let quota = HeaderValue::from_static("50000");
        let call =
            Call::container(Method::PUT, &container).header("x-container-meta-quota-bytes", quota);
        assert!(account(&store).done(&call).await.unwrap());
        let added = add(
            &store,
            &ImageId::generate(),
            data(&bytes(350_000), Some(350_000)),
        )
        .await;
        assert!(matches!(added, Err(StoreError::Full)), "{added:?}");
        assert!(names_in(&store).await.is_empty());
    }
}

#[tokio::test]
async fn spreads_images_over_containers() {
    let config = SwiftConfig {
        swift_store_multiple_containers_seed: glance_config::SwiftSeed(2),
        ..tempauth()
    };
    let store = open(&config);
    let id = ImageId::generate();
    let location = add(&store, &id, data(b"x", None)).await.unwrap();
    let container = format!("{}_{}", config.swift_store_container, &id.as_str()[..2]);
    assert!(location.expose().ends_with(&format!("/{container}/{id}")));
    assert_eq!(held(&store).await.len(), 1);
    store.delete(&location, &nobody()).await.unwrap();
}

/// Every form of a location leads to the same image.
#[tokio::test]
async fn finds_an_image_by_every_form_of_its_location() {
    let config = tempauth();
    let store = open(&config);
    let id = ImageId::generate();
    let written = add(&store, &id, data(b"image", None)).await.unwrap();
    let auth = config.swift_store_auth_address.clone().unwrap();
    let host = auth.strip_prefix("http://").unwrap();
    let container = &config.swift_store_container;
    let expected = format!("swift+http://test%3Atester:testing@{host}/{container}/{id}");
    assert_eq!(written.expose(), expected);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("swift.conf");
    let text = format!(
        "[ref1]\nuser = test:tester\nkey = testing\nauth_address = {auth}\nauth_version = 1\n\
         [other]\nuser = nobody:nothing\nkey = hunter2\nauth_address = {auth}\nauth_version = 1\n"
    );
    std::fs::write(&path, text).unwrap();
    let named = SwiftConfig {
        swift_store_config_file: Some(path),
        swift_store_user: None,
        swift_store_key: None,
        swift_store_auth_address: None,
        ..config.clone()
    };
    let named = open(&named);
    for text in [
        expected,
        format!("swift+http://test:tester:testing@{host}/{container}/{id}"),
        format!("swift+http://test%3atester:t%65sting@{host}/{container}/{id}"),
        format!("swift+config://ref1/{container}/{id}"),
    ] {
        let location = LocationUrl::new(text);
        for store in [&store, &named] {
            let got = store.get(&location, None, &nobody()).await.unwrap();
            assert_eq!(collect(got).await.unwrap(), b"image");
        }
    }
    let second = ImageId::generate();
    let written = add(&named, &second, data(b"x", None)).await.unwrap();
    let expected = format!("swift+config://ref1/{container}/{second}");
    assert_eq!(written.expose(), expected);
    assert_eq!(named.schemes()[0], "swift+config");

    let unknown = LocationUrl::new(format!("swift+config://nowhere/{container}/{id}"));
    let got = named.get(&unknown, None, &nobody()).await;
    assert!(matches!(got, Err(StoreError::BadLocation)));
    let wrong = LocationUrl::new(format!("swift+config://other/{container}/{id}"));
    let got = named.get(&wrong, None, &nobody()).await;
    assert!(matches!(got, Err(StoreError::Unavailable(_))));
    let plain = LocationUrl::new(format!("swift+http://{host}/{container}/{id}"));
    let got = store.get(&plain, None, &nobody()).await;
    assert!(matches!(got, Err(StoreError::BadLocation)));
}

#[test]
fn says_at_the_start_what_is_wrong() {
    let start = |config: &SwiftConfig| {
        let error = SwiftStore::open(config, Md5Pool::new()).unwrap_err();
        error.to_string()
    };
    let base = SwiftConfig {
        swift_store_auth_address: Some("http://127.0.0.1:1/auth/v1.0".to_owned()),
        swift_store_user: secret("a:u"),
        swift_store_key: secret("hunter2"),
        ..SwiftConfig::default()
    };
    let error = start(&SwiftConfig {
        swift_store_config_file: Some("/nowhere".into()),
        ..base.clone()
    });
    assert!(
        error.starts_with("swift_store_config_file: /nowhere cannot be read: "),
        "{error}"
    );
    let error = start(&SwiftConfig {
        swift_store_config_file: Some("/nowhere".into()),
        swift_store_multi_tenant: true,
        ..base.clone()
    });
    assert!(error.starts_with("swift_store_multi_tenant: "), "{error}");
    let error = start(&SwiftConfig {
        swift_store_container: "a/b".to_owned(),
        ..base.clone()
    });
    assert!(error.starts_with("swift_store_container: "), "{error}");
    let error = start(&SwiftConfig {
        swift_store_cacert: Some("/nowhere".into()),
        ..base.clone()
    });
    assert!(error.starts_with("swift_store_cacert: "), "{error}");
    // As in Glance, a store without an account reads and adds nothing.
    let unset = open(&SwiftConfig::default());
    assert!(!unset.capabilities().add && unset.capabilities().range);
    assert!(!format!("{:?}", open(&base)).contains("hunter2"));
}
