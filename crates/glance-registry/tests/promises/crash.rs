//! Deaths and troubles: what was confirmed stays, and nothing is half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use crate::harness::{Place, T1};

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
        let stop = AtomicBool::new(false);
        let confirmed: Vec<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|_| {
                    let (registry, stop) = (&registry, &stop);
                    scope.spawn(move || {
                        let mut confirmed = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let body = json!({"image": {"status": "queued", "properties": {"a": "1", "b": "2"}}});
                            let text = body.to_string();
                            match registry.try_send(T1, "POST", "/images", &[], Some(&text)) {
                                Some(answer) if answer.status == 200 => {
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
            registry.signal("-KILL");
            stop.store(true, Ordering::Relaxed);
            writers
                .into_iter()
                .flat_map(|writer| writer.join().unwrap())
                .collect()
        });
        registry.child.wait().unwrap();
        assert!(!confirmed.is_empty());
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
        let again = place.start();
        for id in confirmed {
            assert_eq!(again.get(T1, &format!("/images/{id}")).status, 200, "{id}");
        }
    }
}

#[test]
fn a_locked_database_is_503_and_changes_nothing() {
    use diesel::connection::SimpleConnection;
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    let mut other = place.sql();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
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
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(
        registry.turn(T1, &id, "saving", Some("queued")),
        200,
        "the writer recovers"
    );
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
