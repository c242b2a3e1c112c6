//! Replicas: they answer lists for as long as they answer, and are missed by nobody.

use serde_json::json;

use crate::harness::{Place, T1};

#[test]
fn a_replica_that_is_away_is_missed_by_nobody() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let place = Place::with(&format!(
        "log_file = {}\n[database]\nslave_connection = postgresql://u:hunter2@127.0.0.1:1/x",
        log.path().display()
    ));
    let registry = place.start();
    registry.create(T1, json!({"name": "a"}));
    for _ in 0..5 {
        assert_eq!(registry.get(T1, "/images").names(), ["a"]);
        assert_eq!(registry.get(T1, "/images/detail").names(), ["a"]);
    }
    assert_eq!(registry.get(T1, "/shared-images/t1").status, 200);
    drop(registry);
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("the replica is left out").count(), 1, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn lists_are_the_replicas_and_images_the_databases() {
    let replica = Place::new();
    let Some(url) = replica.url() else {
        return;
    };
    // A replica that is behind, for as long as the test likes.
    replica.start().create(T1, json!({"name": "old"}));
    let place = Place::with(&format!("[database]\nslave_connection = {url}"));
    let registry = place.start();
    let id = registry.create(T1, json!({"name": "new"}));
    assert_eq!(registry.get(T1, "/images").names(), ["old"]);
    assert_eq!(registry.get(T1, "/images/detail").names(), ["old"]);
    let image = registry.get(T1, &format!("/images/{id}")).image();
    assert_eq!(image["name"], "new");
    let change = json!({"image": {"name": "newer"}});
    let changed = registry.put(T1, &format!("/images/{id}"), &change).image();
    assert_eq!(changed["name"], "newer");
    // What the replica does not know yet is no error.
    let behind = registry.get(T1, &format!("/images?marker={id}"));
    assert_eq!(behind.status, 200, "{behind:?}");
}

#[test]
fn a_file_has_no_replica() {
    let place = Place::with("[database]\nslave_connection = sqlite:////tmp/x");
    let output = place
        .command()
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("slave_connection: a server is needed"),
        "{text}"
    );
}
