//! The promises of the store azure, kept with Azurite (`scripts/services/azurite`).

use std::sync::OnceLock;

use glance_config::Secret;

use super::*;
use crate::conformance::services::Service;
use crate::conformance::{add, bytes, collect, data, nobody};

/// Parts that are small enough for the suite's data to have several.
const PART: u64 = 256 << 10;

/// One for all tests of the process.
fn azurite() -> &'static Service {
    static AZURITE: OnceLock<Service> = OnceLock::new();
    AZURITE.get_or_init(|| Service::start("azurite", &[]))
}

fn config() -> ObjectConfig {
    let server = azurite();
    ObjectConfig {
        azure_store_container: Some(server.get("AZURITE_CONTAINER").to_owned()),
        azure_store_prefix: "images/of ours".to_owned(),
        azure_store_account: Some(server.get("AZURITE_ACCOUNT").to_owned()),
        azure_store_access_key: Some(Secret::new(server.get("AZURITE_KEY"))),
        azure_store_endpoint: Some(server.get("AZURITE_URL").to_owned()),
        ..ObjectConfig::default()
    }
}

fn store(part: Option<u64>) -> CloudStore {
    let mut cloud = open::azure(&config()).unwrap();
    cloud.part_size = part.unwrap_or(cloud.part_size);
    CloudStore::new(cloud)
}

async fn open() -> Box<CloudStore> {
    Box::new(store(Some(PART)))
}

crate::conformance::suite!(open);

#[tokio::test]
async fn tells_the_servers_md5_of_small_data() {
    let store = store(None);
    let id = ImageId::generate();
    let added = store.add(&id, data(b"abc", None), &nobody()).await.unwrap();
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    assert_eq!(added.checksum.as_deref(), Some(md5));
    let expected = format!("azure://glance/images/of%20ours/{id}");
    assert_eq!(added.location.expose(), expected);
    let other = LocationUrl::new(expected.replace("azure:", "az:"));
    let got = store.get(&other, None, &nobody()).await.unwrap();
    assert_eq!(collect(got).await.unwrap(), b"abc");
    store.delete(&other, &nobody()).await.unwrap();
}

#[tokio::test]
async fn a_part_that_came_too_late_keeps_no_name() {
    let store = store(None);
    let id = ImageId::generate();
    let object = store.cloud.place.object(&id);
    let options = object_store::PutMultipartOptions::default();
    let late = store.cloud.client.put_multipart_opts(&object, options);
    let mut late = late.await.unwrap();
    late.put_part("late".into()).await.unwrap();
    let location = add(&store, &id, data(b"free", None)).await.unwrap();
    let got = store.get(&location, None, &nobody()).await.unwrap();
    assert_eq!(collect(got).await.unwrap(), b"free");
    let again = add(&store, &id, data(b"taken", None)).await;
    assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
    store.delete(&location, &nobody()).await.unwrap();
}

#[tokio::test]
async fn parts_of_the_usual_size_come_back() {
    let store = store(None);
    let bytes = bytes((20 << 20) + 7);
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes, None)).await.unwrap();
    let got = store.get(&location, None, &nobody()).await.unwrap();
    assert!(collect(got).await.unwrap() == bytes);
    store.delete(&location, &nobody()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_forbidden_and_not_shown() {
    let key = "c2VjcmV0";
    let config = ObjectConfig {
        azure_store_access_key: Some(Secret::new(key)),
        ..config()
    };
    let store = CloudStore::azure(&config).unwrap();
    let id = ImageId::generate();
    let error = add(&store, &id, data(b"x", None)).await.unwrap_err();
    assert!(matches!(error, StoreError::Forbidden), "{error:?}");
    let location = store.cloud.place.location(&store.cloud.place.object(&id));
    let error = store.get(&location, None, &nobody()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    for text in [
        format!("{error:?}"),
        format!("{store:?}"),
        glance_config::chain(&error),
    ] {
        assert!(!text.contains(key) && !text.contains("glance/"), "{text}");
    }
}

#[tokio::test]
async fn a_container_that_is_not_there_is_trouble() {
    let config = ObjectConfig {
        azure_store_container: Some("absent".to_owned()),
        ..config()
    };
    let store = CloudStore::azure(&config).unwrap();
    let error = add(&store, &ImageId::generate(), data(b"x", None)).await;
    assert!(
        matches!(error, Err(StoreError::Unavailable(_))),
        "{error:?}"
    );
}
