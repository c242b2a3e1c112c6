//! Leases: one daemon works on an image; when it dies, one other takes over.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, Place, Registry, T1, T2, at_once};

fn lease(holder: &str, bytes: u64, quota: Option<u64>) -> Value {
    json!({"holder": holder, "seconds": 30, "store": "file", "bytes": bytes, "quota": quota})
}

fn acquire(registry: &Registry, id: &str, body: &Value) -> u16 {
    registry.put(T1, &format!("/leases/{id}"), body).status
}

fn take_over(registry: &Registry, holder: &str) -> Vec<Value> {
    let body = json!({"holder": holder, "seconds": 30, "scrub_seconds": 0, "limit": 100});
    let answer: Answer = registry.post(ADMIN, "/recovery", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

/// An upload whose daemon has gone silent.
fn dead_upload(place: &Place, registry: &Registry) -> String {
    let id = registry.create(T1, json!({"status": "saving"}));
    assert_eq!(acquire(registry, &id, &lease("dead", 5, None)), 204);
    place.execute(&format!(
        "UPDATE image_leases SET expires_at = 1 WHERE image_id = '{id}'"
    ));
    id
}

#[test]
fn one_of_many_daemons_gets_a_lease() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    let statuses = at_once(16, |number| {
        acquire(&registry, &id, &lease(&format!("h{number}"), 1, None))
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 204).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        15,
        "{statuses:?}"
    );
}

#[test]
fn leases_are_for_images_that_wait_for_data_and_for_who_may_change_them() {
    let place = Place::new();
    let registry = place.start();
    let active = registry.create(T1, json!({"status": "active"}));
    assert_eq!(acquire(&registry, &active, &lease("h", 1, None)), 409);
    let other = registry.create(T2, json!({"status": "queued"}));
    assert_eq!(acquire(&registry, &other, &lease("h", 1, None)), 404);
    assert_eq!(acquire(&registry, "nowhere", &lease("h", 1, None)), 404);
    let body = json!({"holder": "h", "seconds": 1, "images": []});
    assert_eq!(registry.put(T1, "/leases", &body).status, 403);
    let body = json!({"holder": "h", "seconds": 1, "scrub_seconds": 0, "limit": 1});
    assert_eq!(registry.post(T1, "/recovery", &body).status, 403);
}

#[test]
fn quota_holds_against_many_uploads_at_once() {
    let place = Place::new();
    let registry = place.start();
    registry.create(
        T1,
        json!({"status": "active", "size": 40, "location": "file:///x"}),
    );
    let ids: Vec<String> = (0..16)
        .map(|_| registry.create(T1, json!({"status": "queued"})))
        .collect();
    let statuses = at_once(16, |number| {
        acquire(&registry, &ids[number], &lease("h", 20, Some(100)))
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 204).count(),
        3,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 413).count(),
        13,
        "{statuses:?}"
    );
    // Giving one up makes room for another.
    let held = statuses.iter().position(|status| *status == 204).unwrap();
    assert_eq!(
        registry
            .delete(T1, &format!("/leases/{}?holder=h", ids[held]))
            .status,
        204
    );
    let refused = statuses.iter().position(|status| *status == 413).unwrap();
    assert_eq!(
        acquire(&registry, &ids[refused], &lease("h", 20, Some(100))),
        204
    );
    // Asking for more of the same image replaces what it had.
    assert_eq!(
        acquire(&registry, &ids[refused], &lease("h", 21, Some(100))),
        413
    );
}

#[test]
fn renewing_tells_what_is_lost() {
    let place = Place::new();
    let registry = place.start();
    let held = registry.create(T1, json!({"status": "saving"}));
    let killed = registry.create(T1, json!({"status": "saving"}));
    for id in [&held, &killed] {
        assert_eq!(acquire(&registry, id, &lease("h", 1, None)), 204);
    }
    assert_eq!(registry.turn(T1, &killed, "killed", None), 200);
    let body = json!({"holder": "h", "seconds": 30, "images": [held, killed, "unknown"]});
    let lost = registry.put(ADMIN, "/leases", &body).json();
    assert_eq!(lost, json!({"lost": [killed, "unknown"]}));
}

#[test]
fn two_daemons_never_take_over_the_same_image() {
    let place = Place::new();
    let registry = place.start();
    let ids: Vec<String> = (0..20).map(|_| dead_upload(&place, &registry)).collect();
    let taken = at_once(4, |number| take_over(&registry, &format!("h{number}")));
    let mut images: Vec<String> = taken
        .iter()
        .flatten()
        .map(|item| item["image_id"].as_str().unwrap().to_owned())
        .collect();
    images.sort_unstable();
    let mut expected = ids.clone();
    expected.sort_unstable();
    assert_eq!(images, expected);
    for id in &ids {
        assert_eq!(registry.status_of(id), "killed");
        assert_eq!(
            registry.turn(T1, id, "active", Some("saving")),
            409,
            "the old holder is too late"
        );
    }
    let item = taken.iter().flatten().next().unwrap();
    assert_eq!(item["reason"], "expired_lease");
    assert_eq!(item["store"], "file");
    assert!(take_over(&registry, "later").is_empty());
}

#[test]
fn images_saving_without_a_lease_are_left_alone() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "saving"}));
    let active = dead_upload(&place, &registry);
    assert_eq!(registry.turn(T1, &active, "active", Some("saving")), 200);
    assert!(take_over(&registry, "h").is_empty());
    assert_eq!(registry.status_of(&id), "saving");
    assert_eq!(registry.status_of(&active), "active");
}

#[test]
fn work_that_its_second_holder_drops_is_given_again() {
    let place = Place::new();
    let registry = place.start();
    let id = dead_upload(&place, &registry);
    assert_eq!(take_over(&registry, "second").len(), 1);
    place.execute("UPDATE image_leases SET expires_at = 1");
    let again = take_over(&registry, "third");
    assert_eq!(again[0]["image_id"], id.as_str());
    assert_eq!(
        registry
            .delete(ADMIN, &format!("/leases/{id}?holder=third"))
            .status,
        204
    );
    assert!(take_over(&registry, "fourth").is_empty());
}

#[test]
fn interrupted_deletions_and_old_pending_ones_are_given_out() {
    let place = Place::new();
    let registry = place.start();
    let create = || registry.create(T1, json!({"status": "active", "location": "file:///data"}));
    let (fresh, stopped, pending) = (create(), create(), create());
    assert_eq!(registry.turn(T1, &fresh, "deleted", None), 200);
    assert_eq!(registry.turn(T1, &stopped, "deleted", None), 200);
    assert_eq!(registry.turn(T1, &pending, "pending_delete", None), 200);
    assert_eq!(
        registry.delete(T1, &format!("/images/{pending}")).status,
        200
    );
    place.execute(&format!(
        "UPDATE images SET updated_at = '2020-01-01 00:00:00.000000' WHERE id = '{stopped}'"
    ));
    std::thread::sleep(Duration::from_millis(20));
    let items = take_over(&registry, "h");
    let found: Vec<_> = items
        .iter()
        .map(|item| (item["image_id"].clone(), item["reason"].clone()))
        .collect();
    assert_eq!(
        found,
        [
            (json!(stopped), json!("interrupted_delete")),
            (json!(pending), json!("scrub")),
        ]
    );
    for item in &items {
        assert_eq!(item["location_data"][0]["url"], "file:///data", "{item}");
    }
    assert_eq!(registry.turn(ADMIN, &pending, "deleted", None), 200);
    assert_eq!(
        registry
            .delete(ADMIN, &format!("/leases/{pending}?holder=h"))
            .status,
        204
    );
}
