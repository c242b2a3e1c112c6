//! The promises of the store, kept with a real web server (`scripts/services/static-http`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use glance_config::{AllowList, ExternalConfig, OptionValue, Unverified};
use glance_core::location::LocationUrl;
use tempfile::TempDir;

use super::*;
use crate::conformance::{bytes, collect, nobody, read_only};

/// A running nginx with `bytes(3_000_001)` as `/image` and nothing as `/empty`.
struct Nginx {
    variables: HashMap<String, String>,
    directory: TempDir,
}

impl Nginx {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let www = directory.path().join("www");
        std::fs::create_dir(&www).unwrap();
        std::fs::write(www.join("image"), bytes(3_000_001)).unwrap();
        std::fs::write(www.join("empty"), b"").unwrap();
        let output = script(directory.path(), "start");
        let variables = output
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            variables,
            directory,
        }
    }

    fn url(&self, path: &str) -> LocationUrl {
        LocationUrl::new(format!("{}{path}", self.variables["STATIC_HTTP_URL"]))
    }

    fn tls_url(&self, path: &str) -> LocationUrl {
        LocationUrl::new(format!("{}{path}", self.variables["STATIC_HTTPS_URL"]))
    }

    fn certificate(&self) -> PathBuf {
        PathBuf::from(&self.variables["STATIC_HTTPS_CERTIFICATE"])
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        script(self.directory.path(), "stop");
    }
}

fn script(directory: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/services/static-http");
    let output = Command::new(program)
        .arg(command)
        .arg(directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn config() -> ExternalConfig {
    ExternalConfig {
        external_allow: AllowList::parse("127.0.0.1,localhost").unwrap(),
        ..Default::default()
    }
}

fn store(config: &ExternalConfig) -> HttpStore {
    HttpStore::open(config).unwrap()
}

#[tokio::test]
async fn keeps_the_promises_however_the_server_serves() {
    let nginx = Nginx::start();
    let (store, whole) = (store(&config()), bytes(3_000_001));
    for place in ["", "/norange", "/nohead", "/unsized", "/redirect"] {
        let location = nginx.url(&format!("{place}/image"));
        let absent = nginx.url(&format!("{place}/absent"));
        read_only::all(&store, &location, &whole, &absent).await;
    }
    let empty = nginx.url("/empty");
    assert_eq!(store.stat(&empty, &nobody()).await.unwrap().size, Some(0));
    let got = store.get(&empty, None, &nobody()).await.unwrap();
    assert!(collect(got).await.unwrap().is_empty());
}

#[tokio::test]
async fn says_what_the_server_answers() {
    let nginx = Nginx::start();
    let store = store(&config());
    let denied = store.stat(&nginx.url("/denied/image"), &nobody()).await;
    assert!(
        matches!(denied, Err(StoreError::Answered(401))),
        "{denied:?}"
    );
    let broken = store.stat(&nginx.url("/broken/image"), &nobody()).await;
    assert!(
        matches!(broken, Err(StoreError::Answered(500))),
        "{broken:?}"
    );
    let loops = store.stat(&nginx.url("/loop/image"), &nobody()).await;
    assert!(
        matches!(loops, Err(StoreError::Unavailable(_))),
        "{loops:?}"
    );
}

#[tokio::test]
async fn a_file_that_changes_is_never_mixed() {
    use futures_util::StreamExt;
    let nginx = Nginx::start();
    let store = store(&config());
    let image = nginx.directory.path().join("www/image");
    let location = nginx.url("/slow/image");
    let mut stream = store
        .get(&location, None, &nobody())
        .await
        .unwrap()
        .into_stream();
    let mut got = stream.next().await.unwrap().unwrap().concat();
    // Another file under the same name, and the connection breaks.
    std::fs::remove_file(&image).unwrap();
    std::fs::write(&image, vec![9; 3_000_001]).unwrap();
    // nginx tells versions apart by size and second.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    let other = std::fs::File::options().write(true).open(&image).unwrap();
    other.set_modified(later).unwrap();
    script(nginx.directory.path(), "stop");
    script(nginx.directory.path(), "start");
    let mut failure = None;
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => got.extend(batch.concat()),
            Err(StoreError::Unavailable(error)) => failure = Some(error.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(failure.as_deref(), Some("the source's data changed"));
    assert!(got == bytes(3_000_001)[..got.len()]);
}

#[tokio::test]
async fn certificates_are_checked() {
    let nginx = Nginx::start();
    let (location, absent) = (nginx.tls_url("/image"), nginx.tls_url("/absent"));
    let unknown = store(&config()).stat(&location, &nobody()).await;
    assert!(
        matches!(unknown, Err(StoreError::Unavailable(_))),
        "{unknown:?}"
    );

    let trusting = store(&ExternalConfig {
        https_ca_certificates_file: Some(nginx.certificate()),
        ..config()
    });
    read_only::all(&trusting, &location, &bytes(3_000_001), &absent).await;

    let unverified = ExternalConfig {
        https_insecure: Unverified(true),
        ..config()
    };
    read_only::reads_what_is_there(&store(&unverified), &location, &bytes(3_000_001)).await;

    let nonsense = nginx.directory.path().join("www/image");
    let refused = HttpStore::open(&ExternalConfig {
        https_ca_certificates_file: Some(nonsense),
        ..config()
    });
    assert_eq!(refused.unwrap_err().option, "https_ca_certificates_file");
}
