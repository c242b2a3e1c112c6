//! The promises of the stores in memory and, with Google's protocol emulated, over HTTP; and what
//! comes of servers that fail.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::process::Command;

use glance_config::{OptionValue, Secret};
use hyper::Method;
use tempfile::TempDir;

use super::emulation::{BUCKET, Emulation, Fault};
use super::*;
use crate::conformance::{bytes, collect, data, eventually, nobody};
use crate::error::DataError;

/// Parts that are small enough for the suite's data to have several.
const PART: u64 = 256 << 10;

mod memory {
    use super::*;

    async fn open() -> Box<CloudStore> {
        let mut cloud = open::memory(&ObjectConfig::default());
        cloud.part_size = PART;
        Box::new(CloudStore::new(cloud))
    }

    crate::conformance::suite!(open);
}

mod google {
    use super::*;

    async fn open() -> Gs {
        Gs::start(Some(PART)).await
    }

    crate::conformance::suite!(open);
}

/// The store gs and its server.
struct Gs {
    store: CloudStore,
    server: Emulation,
    _directory: TempDir,
}

impl std::ops::Deref for Gs {
    type Target = CloudStore;

    fn deref(&self) -> &CloudStore {
        &self.store
    }
}

impl Gs {
    async fn start(part: Option<u64>) -> Self {
        let server = Emulation::start().await;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("account.json");
        // How the library is told to do without tokens.
        let account = r#"{"private_key": "", "private_key_id": "", "client_email": "",
                          "disable_oauth": true}"#;
        std::fs::write(&file, account).unwrap();
        let mut cloud = open::gs(&config(&server, &file)).unwrap();
        cloud.part_size = part.unwrap_or(cloud.part_size);
        Self {
            store: CloudStore::new(cloud),
            server,
            _directory: directory,
        }
    }

    async fn add(&self, bytes: &[u8]) -> Result<Added, StoreError> {
        let data = data(bytes, Some(bytes.len() as u64));
        self.store.add(&ImageId::generate(), data, &nobody()).await
    }

    async fn read(&self, location: &LocationUrl) -> Result<Vec<u8>, StoreError> {
        collect(self.get(location, None, &nobody()).await?).await
    }
}

fn config(server: &Emulation, account: &FilePath) -> ObjectConfig {
    ObjectConfig {
        gs_store_bucket: Some(BUCKET.to_owned()),
        gs_store_prefix: "images/of ours".to_owned(),
        gs_store_service_account_file: Some(account.to_owned()),
        gs_store_endpoint: Some(server.url.clone()),
        object_store_timeout: OptionValue::parse("4").unwrap(),
        ..ObjectConfig::default()
    }
}

#[tokio::test]
async fn tells_the_servers_md5_of_small_data() {
    let gs = Gs::start(None).await;
    let added = gs.add(b"abc").await.unwrap();
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    assert_eq!(added.checksum.as_deref(), Some(md5));
    let location = added.location.expose();
    assert!(
        location.starts_with("gs://bucket/images/of%20ours/"),
        "{location}"
    );
}

#[tokio::test]
async fn sends_parts_as_google_wants_them() {
    let gs = Gs::start(None).await;
    gs.server.state().least_part = 5 << 20;
    let bytes = bytes((20 << 20) + 7);
    let added = gs.add(&bytes).await.unwrap();
    assert!(gs.read(&added.location).await.unwrap() == bytes);
    let state = gs.server.state();
    // On a busy machine one may be sent again.
    let parts = state.requests.iter().filter(|r| r.contains("partNumber"));
    assert_eq!(parts.collect::<BTreeSet<_>>().len(), 3);
    drop(state);
    assert_eq!(gs.server.held(), (1, 0));
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    for (size, method, part) in [
        (3, Method::PUT, "images"),
        (600_000, Method::POST, "uploads="),
        (600_000, Method::PUT, "partNumber=2"),
        (600_000, Method::POST, "uploadId"),
        // The copy: nothing else has no query.
        (600_000, Method::PUT, "%2D"),
    ] {
        let gs = Gs::start(Some(PART)).await;
        gs.server.fail(method.clone(), part, Fault::LoseAnswer);
        let bytes = bytes(size);
        match gs.add(&bytes).await {
            Ok(added) => assert!(gs.read(&added.location).await.unwrap() == bytes),
            // An upload in parts that was begun without our knowledge.
            Err(error) => assert!(part == "uploads=", "{method} {part}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_leaves_nothing() {
    for (size, method, part, status) in [
        (3, Method::PUT, "images", 400),
        (600_000, Method::POST, "uploads=", 500),
        (600_000, Method::PUT, "partNumber=2", 400),
        (600_000, Method::POST, "uploadId", 400),
    ] {
        let gs = Gs::start(Some(PART)).await;
        for _ in 0..4 {
            gs.server.fail(method.clone(), part, Fault::Status(status));
        }
        let error = gs.add(&bytes(size)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(
            glance_config::chain(&error).contains(&status.to_string()),
            "{error:?}"
        );
        assert_eq!(gs.server.held(), (0, 0), "{method} {part}");
    }
}

#[tokio::test]
async fn passing_trouble_is_passed_over() {
    let gs = Gs::start(Some(PART)).await;
    for (method, part) in [
        (Method::PUT, "partNumber=1"),
        (Method::POST, "uploadId"),
        (Method::HEAD, "images"),
        (Method::GET, "images"),
    ] {
        gs.server.fail(method, part, Fault::Status(503));
    }
    let bytes = bytes(600_000);
    let added = gs.add(&bytes).await.unwrap();
    assert!(gs.read(&added.location).await.unwrap() == bytes);
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_no_parts() {
    let gs = Gs::start(Some(PART)).await;
    let endless = futures_util::stream::unfold(0, |count| async move {
        if count > 10 {
            std::future::pending::<()>().await;
        }
        Some((Ok(vec![bytes::Bytes::from(vec![1; 100_000])]), count + 1))
    });
    let data = ImageData::from_stream(None, endless);
    let id = ImageId::generate();
    let caller = nobody();
    let adding = gs.store.add(&id, data, &caller);
    let asked = async |what: &str| {
        let asked = || {
            gs.server
                .state()
                .requests
                .iter()
                .any(|r| r.starts_with(what))
        };
        eventually(async || asked()).await;
    };
    tokio::select! {
        added = adding => panic!("{added:?}"),
        () = asked("PUT") => {}
    }
    asked("DELETE").await;
    eventually(async || gs.server.held() == (0, 0)).await;
}

#[tokio::test]
async fn downloads_go_on_after_breaks_and_silence() {
    let gs = Gs::start(None).await;
    let bytes = bytes(3_000_000);
    let added = gs.add(&bytes).await.unwrap();
    for fault in [
        Fault::Cut(0),
        Fault::Cut(1_000_000),
        Fault::Stall(1_000_000),
    ] {
        gs.server.fail(Method::GET, "images", fault);
        gs.server.fail(Method::GET, "images", Fault::Cut(500_000));
        assert!(
            gs.read(&added.location).await.unwrap() == bytes,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn data_that_changes_meanwhile_is_never_mixed() {
    let gs = Gs::start(None).await;
    let bytes = bytes(3_000_000);
    let added = gs.add(&bytes).await.unwrap();
    gs.server.fail(Method::GET, "images", Fault::Cut(1_000_000));
    let got = gs.get(&added.location, None, &nobody()).await.unwrap();
    for object in gs.server.state().objects.values_mut() {
        object.data = object.data.slice(1..);
    }
    let error = collect(got).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn refused_credentials_are_told_as_such() {
    let gs = Gs::start(None).await;
    for status in [401, 403] {
        gs.server.fail(Method::PUT, "images", Fault::Status(status));
        let error = gs.add(b"x").await.unwrap_err();
        assert!(matches!(error, StoreError::Forbidden), "{error:?}");
        let added = gs.add(b"x").await.unwrap();
        gs.server.fail(Method::GET, "images", Fault::Status(status));
        let error = gs.read(&added.location).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn lists_and_sweeps_what_was_not_published() {
    let gs = Gs::start(None).await;
    let id = ImageId::generate();
    for number in 0..5 {
        let added = gs.add(&bytes(number)).await.unwrap();
        assert_eq!(
            gs.stat(&added.location, &nobody()).await.unwrap().size,
            Some(number as u64)
        );
    }
    let stray = gs.cloud.place.unfinished_of(&id).join("1");
    gs.cloud
        .client
        .put_opts(&stray, "left".into(), Default::default())
        .await
        .unwrap();
    let held: Vec<_> = gs.list().map(Result::unwrap).collect().await;
    assert_eq!(held.len(), 6);
    let unfinished = held.iter().filter_map(|held| match held {
        Held::Unfinished { id, size, .. } => Some((id.clone(), *size)),
        Held::Image { .. } => None,
    });
    assert_eq!(unfinished.collect::<Vec<_>>(), [(Some(id), 4)]);
    assert_eq!(gs.sweep(Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(gs.sweep(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(gs.server.held(), (5, 0));
}

#[tokio::test]
async fn more_than_the_server_takes_is_too_large() {
    let gs = Gs::start(None).await;
    let mut cloud = open::memory(&ObjectConfig::default());
    (cloud.part_size, cloud.most_parts) = (10, 10);
    assert_eq!(cloud.part_size_for(Some(100)), 10);
    assert_eq!(cloud.part_size_for(Some(101)), 1 << 20);
    let store = CloudStore::new(cloud);
    let bytes = bytes(101);
    let added = store
        .add(&ImageId::generate(), data(&bytes, None), &nobody())
        .await;
    assert!(
        matches!(added, Err(StoreError::Data(DataError::TooLarge(100)))),
        "{added:?}"
    );
    let added = store
        .add(&ImageId::generate(), data(&bytes, Some(101)), &nobody())
        .await;
    assert!(added.is_ok());
    drop(gs);
}

#[tokio::test]
async fn signs_with_the_key_of_a_service_account() {
    let server = Emulation::start().await;
    server.state().asks_for_tokens = true;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("account.json");
    let key = Command::new("openssl")
        .args(["genrsa", "2048"])
        .output()
        .unwrap();
    let key = String::from_utf8(key.stdout).unwrap();
    let account = serde_json::json!({
        "private_key": key, "private_key_id": "1", "client_email": "glance@example.org",
    });
    std::fs::write(&file, account.to_string()).unwrap();
    let store = CloudStore::gs(&config(&server, &file)).unwrap();
    let added = store
        .add(&ImageId::generate(), data(b"x", None), &nobody())
        .await;
    assert!(added.is_ok(), "{added:?}");
    // Header, claims, signature.
    let parts: Vec<usize> = server.state().bearer.split('.').map(str::len).collect();
    assert_eq!((parts.len(), parts[2]), (3, 342));
    assert!(!format!("{store:?}").contains("example"));
}

#[test]
fn complaints_at_the_start_show_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("account.json");
    std::fs::write(&file, r#"{"private_key": 12345, "x": "12345"}"#).unwrap();
    let bucket = Some(BUCKET.to_owned());
    let azure = ObjectConfig {
        azure_store_container: bucket.clone(),
        azure_store_account: Some("account".to_owned()),
        ..ObjectConfig::default()
    };
    let configs = [
        (ObjectConfig::default(), "gs_store_bucket"),
        (
            ObjectConfig {
                gs_store_bucket: bucket.clone(),
                gs_store_service_account_file: Some(file.clone()),
                ..ObjectConfig::default()
            },
            "gs_store_service_account_file",
        ),
        (
            ObjectConfig {
                gs_store_bucket: bucket,
                gs_store_service_account_file: Some(directory.path().join("absent")),
                ..ObjectConfig::default()
            },
            "gs_store_service_account_file",
        ),
    ];
    for (config, option) in configs {
        let error = CloudStore::gs(&config).unwrap_err();
        assert_eq!(error.option, option);
        assert!(!format!("{error:?}").contains("12345"), "{error:?}");
    }
    let configs = [
        (ObjectConfig::default(), "azure_store_container"),
        (
            ObjectConfig {
                azure_store_access_key: Some(Secret::new("12345!")),
                ..azure.clone()
            },
            "azure_store_access_key",
        ),
        (
            ObjectConfig {
                azure_store_sas_token: Some(Secret::new("12345")),
                ..azure.clone()
            },
            "azure_store_sas_token",
        ),
        (
            ObjectConfig {
                azure_store_client_secret: Some(Secret::new("12345")),
                ..azure.clone()
            },
            "azure_store_client_id",
        ),
        (
            ObjectConfig {
                azure_store_endpoint: Some("ftp://12345".to_owned()),
                ..azure
            },
            "azure_store_endpoint",
        ),
    ];
    for (config, option) in configs {
        let error = CloudStore::azure(&config).unwrap_err();
        assert_eq!(error.option, option);
        assert!(!format!("{error:?}").contains("12345"), "{error:?}");
    }
}
