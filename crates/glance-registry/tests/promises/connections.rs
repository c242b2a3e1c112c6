//! How many connections to a server there are, and who waits for one.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Place, Registry, T1, assert_unavailable};

/// Has somebody else lock an image while a change to it waits for that, and does `meanwhile`.
fn while_a_change_waits(place: &Place, registry: &Registry, meanwhile: impl FnOnce()) {
    let id = registry.create(T1, json!({"name": "a"}));
    let mut other = place.connect();
    other.batch("BEGIN").unwrap();
    other
        .batch(&format!("UPDATE images SET min_ram = 1 WHERE id = '{id}'"))
        .unwrap();
    thread::scope(|scope| {
        let path = format!("/images/{id}");
        let change = scope.spawn(move || {
            let new = json!({"image": {"name": "b"}});
            registry.put(T1, &path, &new)
        });
        thread::sleep(Duration::from_millis(500));
        assert!(!change.is_finished());
        meanwhile();
        other.batch("ROLLBACK").unwrap();
        assert_eq!(change.join().unwrap().image()["name"], "b");
    });
    assert_eq!(registry.get(T1, "/images").names(), ["b"]);
}

#[test]
fn who_gets_no_connection_in_time_is_told_to_come_again() {
    let place = Place::with("[database]\nmax_pool_size = 1\nmax_overflow = 0\npool_timeout = 1");
    if place.is_file() {
        return;
    }
    let registry = place.start();
    while_a_change_waits(&place, &registry, || {
        let begun = Instant::now();
        assert_unavailable(&registry.get(T1, "/images"));
        // The change itself may take twenty seconds.
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    });
}

#[test]
fn connections_besides_those_that_are_kept_help_who_waits() {
    let place = Place::with("[database]\nmax_pool_size = 1\nmax_overflow = 1\npool_timeout = 1");
    if place.is_file() {
        return;
    }
    let registry = place.start();
    while_a_change_waits(&place, &registry, || {
        assert_eq!(registry.get(T1, "/images").names(), ["a"]);
    });
}

/// The server's names of the connections that the daemon has.
fn connections(place: &Place) -> BTreeSet<String> {
    let lines = place.ask([
        "",
        "SELECT pid FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'glance-registry'",
        "SELECT id FROM information_schema.processlist \
         WHERE db = DATABASE() AND id <> CONNECTION_ID()",
    ]);
    lines.into_iter().collect()
}

#[test]
fn a_connection_that_has_had_its_time_is_not_used_again() {
    let place =
        Place::with("[database]\nmax_pool_size = 1\nmax_overflow = 0\nconnection_recycle_time = 2");
    if place.is_file() {
        return;
    }
    let registry = place.start();
    let asked = || {
        assert_eq!(registry.get(T1, "/images").status, 200);
        connections(&place)
    };
    let first = asked();
    assert!(!first.is_empty());
    thread::sleep(Duration::from_millis(2500));
    let second = asked();
    assert!(!second.is_empty());
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
}

#[test]
fn who_wants_nobody_to_wait_is_served_all_the_same() {
    let place = Place::with("[database]\npool_timeout = 0");
    let registry = place.start();
    for number in 1..10 {
        registry.create(T1, json!({"name": "a"}));
        assert_eq!(registry.get(T1, "/images").names().len(), number);
    }
}

#[test]
fn a_server_that_refuses_us_is_not_asked_again() {
    let patient = "[database]\nmax_retries = -1";
    for wrong in [
        |url: &str| url.replace('?', "_else?"),
        |url: &str| url.replace(":glance@", ":other@"),
    ] {
        let Some(place) = Place::by_way(patient, wrong) else {
            return;
        };
        let output = place.command().stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("cannot open the database"), "{said}");
    }
}

#[test]
fn tables_are_where_the_options_of_the_url_have_them() {
    let way = |url: &str| format!("{url}&options=-csearch_path%3Dours");
    let Some(place) = Place::by_way("", way) else {
        return;
    };
    let all = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'images'";
    if place.has_whole_seconds() {
        return;
    }
    place.execute("CREATE SCHEMA ours");
    let registry = place.start();
    registry.create(T1, json!({"name": "a"}));
    assert_eq!(registry.get(T1, "/images").names(), ["a"]);
    assert_eq!(place.ask(["", all, ""]), ["ours"]);
    assert_eq!(place.manage(&["db_check"]).0, 0);
}
