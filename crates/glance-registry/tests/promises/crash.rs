//! Deaths and troubles: what was confirmed stays, and nothing is half done.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use crate::harness::{Place, T1, assert_unavailable, at_once};

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[test]
fn what_was_confirmed_survives_kill_9_in_the_middle_of_writes() {
    let place = Place::new();
    for _ in 0..3 {
        let mut registry = place.start();
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let confirmed: Vec<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|_| {
                    let (registry, stop, count) = (&registry, &stop, &count);
                    scope.spawn(move || {
                        let mut confirmed = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let body = json!({"image": {"status": "queued", "properties": {"a": "1", "b": "2"}}});
                            let text = body.to_string();
                            match registry.try_send(T1, "POST", "/images", &[], Some(&text)) {
                                Some(answer) if answer.status == 200 => {
                                    count.fetch_add(1, Ordering::Relaxed);
                                    // A body that was cut off confirms nothing.
                                    let image = serde_json::from_str::<serde_json::Value>(&answer.text);
                                    confirmed.extend(image.ok().and_then(|image| Some(image["image"]["id"].as_str()?.to_owned())));
                                }
                                _ => break,
                            }
                        }
                        confirmed
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(300));
            // A server's first connections may take their time.
            let begun = Instant::now();
            while count.load(Ordering::Relaxed) < 8 && begun.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(20));
            }
            registry.signal("-KILL");
            stop.store(true, Ordering::Relaxed);
            writers
                .into_iter()
                .flat_map(|writer| writer.join().unwrap())
                .collect()
        });
        registry.child.wait().unwrap();
        assert!(!confirmed.is_empty());
        if place.is_file() {
            let mut conn = place.sql();
            let check: Word =
                diesel::sql_query("SELECT integrity_check AS word FROM pragma_integrity_check")
                    .get_result(&mut conn)
                    .unwrap();
            assert_eq!(check.word, "ok");
            let halves: Count = diesel::sql_query(
                "SELECT COUNT(*) AS count FROM images i WHERE \
                 (SELECT COUNT(*) FROM image_properties p WHERE p.image_id = i.id) <> 2",
            )
            .get_result(&mut conn)
            .unwrap();
            assert_eq!(halves.count, 0);
        }
        let again = place.start();
        for id in confirmed {
            let image = again.get(T1, &format!("/images/{id}")).image();
            assert_eq!(image["properties"], json!({"a": "1", "b": "2"}));
        }
    }
}

#[test]
fn a_locked_database_is_503_and_changes_nothing() {
    let place = Place::with("[database]\nstatement_timeout = 2");
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    let mut other = place.connect();
    let lock = match place.is_file() {
        true => "BEGIN IMMEDIATE",
        false => "START TRANSACTION; UPDATE images SET checksum = 'x'",
    };
    other.batch(lock).unwrap();
    let answer = registry.put(
        T1,
        &format!("/images/{id}"),
        &json!({"image": {"status": "saving"}}),
    );
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.headers.to_lowercase().contains("retry-after: "),
        "{answer:?}"
    );
    assert_eq!(
        registry.get(T1, &format!("/images/{id}")).image()["status"],
        "queued",
        "reading goes on"
    );
    other.batch("ROLLBACK").unwrap();
    assert_eq!(
        registry.turn(T1, &id, "saving", Some("queued")),
        200,
        "the writer recovers"
    );
}

#[test]
fn connections_that_the_server_ends_are_replaced_unnoticed() {
    let place = Place::new();
    let Some(end_all) = place.end_of_all_connections() else {
        return;
    };
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    for (to, from) in [("saving", "queued"), ("active", "saving")] {
        place.execute(end_all);
        assert_eq!(registry.turn(T1, &id, to, Some(from)), 200);
        place.execute(end_all);
        assert_eq!(
            registry.get(T1, &format!("/images/{id}")).image()["status"],
            to
        );
        place.execute(end_all);
        assert_eq!(registry.get(T1, "/images").names().len(), 1);
    }
}

#[test]
fn terminates_when_asked_to_and_reloads_without_dropping_a_request() {
    let place = Place::new();
    let registry = place.start();
    registry.signal("-HUP");
    assert_eq!(registry.get(T1, "/images").status, 200);
    drop(registry);
    for signal in ["-TERM", "-INT"] {
        let mut registry = place.start();
        // A peer that keeps its connection does not keep the daemon.
        let idle = registry.connect();
        let begun = Instant::now();
        registry.signal(signal);
        assert!(registry.child.wait().unwrap().success());
        assert!(begun.elapsed() < Duration::from_secs(10));
        drop(idle);
    }
}

#[test]
fn without_the_protocol_there_is_nothing_here() {
    let place = Place::with("enable_v1_registry = False");
    let registry = place.start();
    for (method, path) in [
        ("GET", "/images"),
        ("POST", "/images"),
        ("GET", "/shared-images/t1"),
        ("GET", "/"),
    ] {
        assert_eq!(registry.send(T1, method, path, &[], None).status, 404);
    }
    assert_eq!(registry.get(T1, "/healthcheck").status, 200);
}

#[test]
fn a_change_that_has_waited_too_long_is_not_made() {
    let place = Place::with("[database]\npool_timeout = 1");
    if !place.is_file() {
        return;
    }
    let registry = place.start();
    let mut other = place.connect();
    other.batch("BEGIN IMMEDIATE").unwrap();
    let create = || {
        let body = json!({"image": {"status": "queued"}}).to_string();
        registry.send(T1, "POST", "/images", &[], Some(&body))
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(create);
        // The first waits five seconds for the lock, the second for the first.
        std::thread::sleep(Duration::from_millis(500));
        let second = scope.spawn(create);
        assert_unavailable(&first.join().unwrap());
        assert_unavailable(&second.join().unwrap());
    });
    let said = std::fs::read_to_string(place.path("errors")).unwrap();
    assert!(said.contains("waited too long"), "{said}");
    other.batch("ROLLBACK").unwrap();
    assert!(registry.get(T1, "/images").names().is_empty());
    assert_eq!(create().status, 200);
}

#[test]
fn nothing_is_written_to_a_file_that_is_gone() {
    let place = Place::in_file();
    let registry = place.start();
    let create = || {
        let body = json!({"image": {"status": "queued"}}).to_string();
        registry.send(T1, "POST", "/images", &[], Some(&body))
    };
    assert_eq!(create().status, 200);
    let (file, elsewhere) = (place.database(), place.path("elsewhere"));
    std::fs::rename(&file, &elsewhere).unwrap();
    assert_unavailable(&create());
    // Readers come and go; none makes an empty one.
    let statuses = at_once(16, |_| registry.get(T1, "/images").status);
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(!file.exists());
    std::fs::rename(&elsewhere, &file).unwrap();
    assert_eq!(create().status, 200);
    assert_eq!(registry.get(T1, "/images").names().len(), 2);
}

#[test]
fn a_second_signal_ends_it_in_the_middle_of_a_request() {
    let place = Place::with("[database]\nstatement_timeout = 60\n[service]\nshutdown_timeout = 60");
    if place.is_file() {
        return;
    }
    let mut registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    let mut other = place.connect();
    let lock = format!("START TRANSACTION; UPDATE images SET min_ram = 1 WHERE id = '{id}'");
    other.batch(&lock).unwrap();
    std::thread::scope(|scope| {
        let registry = &registry;
        let change = scope.spawn(move || {
            let body = json!({"image": {"name": "b"}}).to_string();
            registry.try_send(T1, "PUT", &format!("/images/{id}"), &[], Some(&body))
        });
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(500));
            assert!(!change.is_finished());
            registry.signal("-TERM");
        }
        let answer = change.join().unwrap();
        assert!(answer.is_none(), "{answer:?}");
    });
    assert!(registry.child.wait().unwrap().success());
    other.batch("ROLLBACK").unwrap();
}
