//! Ids are used once, and a status changes only from the one that was meant.

use serde_json::json;

use crate::harness::{ADMIN, Place, T1, T2, at_once};

const ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";

#[test]
fn one_of_two_creations_of_an_id_wins() {
    let place = Place::new();
    let registry = place.start();
    let body = json!({"image": {"id": ID, "status": "queued"}});
    let mut statuses = at_once(8, |_| registry.post(T1, "/images", &body).status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[test]
fn ids_of_deleted_images_stay_taken() {
    let place = Place::new();
    let registry = place.start();
    registry.create(T1, json!({"id": ID}));
    assert_eq!(registry.delete(T1, &format!("/images/{ID}")).status, 200);
    let again = registry.post(T2, "/images", &json!({"image": {"id": ID}}));
    assert_eq!(again.status, 409, "{again:?}");
    assert!(again.text.contains("already exists!"));
}

#[test]
fn one_of_sixteen_uploads_begins() {
    let place = Place::new();
    let registry = place.start();
    for from in [Some("queued"), None] {
        let id = registry.create(T1, json!({"status": "queued"}));
        let statuses = at_once(16, |_| registry.turn(T1, &id, "saving", from));
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 409).count(),
            15,
            "{statuses:?}"
        );
    }
}

#[test]
fn activation_and_deletion_race_to_one_end() {
    let place = Place::new();
    let registry = place.start();
    for _ in 0..10 {
        let id = registry.create(T1, json!({"status": "saving"}));
        let statuses = at_once(16, |number| match number % 2 {
            0 => registry.turn(T1, &id, "active", Some("saving")),
            _ => registry.turn(T1, &id, "killed", Some("saving")),
        });
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert!(["active", "killed"].contains(&registry.status_of(&id).as_str()));
    }
}

#[test]
fn terminal_states_stay() {
    let place = Place::new();
    let registry = place.start();
    for (state, refused) in [
        ("deleted", ["queued", "saving", "active", "killed"]),
        ("killed", ["queued", "saving", "active", "deactivated"]),
        ("active", ["saving", "killed", "importing", "uploading"]),
    ] {
        let id = registry.create(T1, json!({"status": state}));
        for to in refused {
            assert_eq!(registry.turn(T1, &id, to, None), 409, "{state} to {to}");
            assert_eq!(
                registry.turn(ADMIN, &id, to, Some(state)),
                409,
                "{state} to {to}"
            );
        }
        assert_eq!(registry.status_of(&id), state);
    }
}

#[test]
fn no_upload_begins_where_data_was() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "active", "location": "file:///x"}));
    assert_eq!(registry.turn(T1, &id, "queued", None), 200);
    assert_eq!(registry.turn(T1, &id, "saving", None), 409);
}

#[test]
fn data_of_active_images_stays_but_for_administrators() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(
        T1,
        json!({"status": "active", "size": 3, "location": "file:///x"}),
    );
    let path = format!("/images/{id}");
    for image in [
        json!({"size": 4}),
        json!({"checksum": "c"}),
        json!({"location": "file:///y"}),
    ] {
        assert_eq!(
            registry.put(T1, &path, &json!({"image": image})).status,
            403,
            "{image}"
        );
    }
    assert_eq!(
        registry
            .put(T1, &path, &json!({"image": {"size": 3, "name": "n"}}))
            .status,
        200
    );
    assert_eq!(
        registry
            .put(ADMIN, &path, &json!({"image": {"size": 4}}))
            .status,
        200
    );
}

#[test]
fn property_quota_holds_against_many_at_once() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"properties": {"p": "1"}}));
    let path = format!("/images/{id}");
    let statuses = at_once(16, |number| {
        let body = json!({"image": {"properties": {format!("p{number}"): "x"}}}).to_string();
        registry
            .send(
                T1,
                "PUT",
                &path,
                &[("X-Glance-Property-Quota", "5")],
                Some(&body),
            )
            .status
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        4,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 413).count(),
        12,
        "{statuses:?}"
    );
    let image = registry.get(T1, &path).image();
    assert_eq!(image["properties"].as_object().unwrap().len(), 5);
}
