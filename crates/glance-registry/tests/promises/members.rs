//! Members: who is one, and how many there may be.

use serde_json::json;

use crate::harness::{ADMIN, Place, T1, T2, at_once};

#[test]
fn member_quota_holds_against_many_at_once() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let statuses = at_once(16, |number| {
        let path = format!("/images/{id}/members/m{number}");
        registry
            .send(T1, "PUT", &path, &[("X-Glance-Member-Quota", "5")], None)
            .status
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 204).count(),
        5,
        "{statuses:?}"
    );
    let refused = registry.send(
        T1,
        "PUT",
        &format!("/images/{id}/members"),
        &[("X-Glance-Member-Quota", "1")],
        Some(&json!({"memberships": [{"member_id": "a"}, {"member_id": "b"}]}).to_string()),
    );
    assert_eq!(refused.status, 413);
    assert!(
        refused
            .text
            .contains("allowed image members for this image. Attempted: 2, Maximum: 1")
    );
}

#[test]
fn removed_members_come_back_without_their_old_right() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let path = format!("/images/{id}/members/t2");
    assert_eq!(
        registry
            .put(T1, &path, &json!({"member": {"can_share": true}}))
            .status,
        204
    );
    assert_eq!(registry.delete(T1, &path).status, 204);
    assert_eq!(registry.get(T2, &format!("/images/{id}")).status, 404);
    assert_eq!(registry.send(T1, "PUT", &path, &[], None).status, 204);
    let members = registry.get(T1, &format!("/images/{id}/members")).json();
    assert_eq!(
        members,
        json!({"members": [{"member_id": "t2", "can_share": false}]})
    );
    assert_eq!(registry.get(T2, &format!("/images/{id}")).status, 200);
}

#[test]
fn a_tenant_named_twice_is_one_member() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let path = format!("/images/{id}/members");
    let list = json!({"memberships": [{"member_id": "a"}, {"member_id": "a", "can_share": true}]});
    assert_eq!(registry.put(T1, &path, &list).status, 204);
    let members = registry.get(T1, &path).json();
    assert_eq!(
        members,
        json!({"members": [{"member_id": "a", "can_share": true}]})
    );
}

#[test]
fn shared_images_are_told_to_whom_they_concern() {
    let place = Place::new();
    let registry = place.start();
    let share = |owner| {
        let id = registry.create(owner, json!({}));
        let path = format!("/images/{id}/members/t3");
        assert_eq!(registry.send(owner, "PUT", &path, &[], None).status, 204);
        id
    };
    let (first, second, gone) = (share(T1), share(T2), share(T1));
    assert_eq!(registry.delete(T1, &format!("/images/{gone}")).status, 200);
    let told = |caller| registry.get(caller, "/shared-images/t3").json();
    let all = |ids: &[&String]| {
        let each = ids
            .iter()
            .map(|id| json!({"image_id": id, "can_share": false}));
        json!({"shared_images": each.collect::<Vec<_>>()})
    };
    assert_eq!(told("u3:t3:member"), all(&[&first, &second]));
    assert_eq!(told(ADMIN), all(&[&first, &second]));
    assert_eq!(told(T1), all(&[&first]));
    assert_eq!(told(T2), all(&[&second]));
    assert_eq!(told("u4:t4:member"), all(&[]));
}

#[test]
fn tenants_whom_an_engine_takes_for_one_can_leave_at_one_moment() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let path = format!("/images/{id}/members");
    let both = json!({"memberships": [{"member_id": "Ten"}, {"member_id": "ten"}]});
    let count = || {
        let members = registry.get(T1, &path).json();
        members["members"].as_array().unwrap().len()
    };
    assert_eq!(registry.put(T1, &path, &both).status, 204);
    assert_eq!(count(), 2);
    let none = json!({"memberships": []});
    assert_eq!(registry.put(T1, &path, &none).status, 204);
    assert_eq!(count(), 0);
    assert_eq!(registry.put(T1, &path, &both).status, 204);
    for member in ["Ten", "ten"] {
        let one = format!("{path}/{member}");
        assert_eq!(registry.delete(T1, &one).status, 204);
    }
    assert_eq!(count(), 0);
    assert_eq!(registry.put(T1, &path, &both).status, 204);
    assert_eq!(registry.delete(T1, &format!("/images/{id}")).status, 200);
}

#[test]
fn one_member_is_found_as_the_engine_compares_its_name() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let member = |name| format!("/images/{id}/members/{name}");
    for name in ["Ten", "ten"] {
        assert_eq!(
            registry.send(T1, "PUT", &member(name), &[], None).status,
            204
        );
    }
    let members = registry.get(T1, &format!("/images/{id}/members")).json();
    let folds = place.has_narrow_texts();
    let expected = if folds { 1 } else { 2 };
    assert_eq!(members["members"].as_array().unwrap().len(), expected);
    let removed = registry.delete(T1, &member("TEN")).status;
    assert_eq!(removed, if folds { 204 } else { 404 });
}

#[test]
fn properties_that_an_engine_takes_for_one_are_not_merged_unsaid() {
    let place = Place::new();
    let registry = place.start();
    let two = json!({"image": {"status": "queued", "properties": {"\u{e9}": "1", "e": "2"}}});
    let answer = registry.send(T1, "POST", "/images", &[], Some(&two.to_string()));
    if place.has_narrow_texts() {
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(registry.get(T1, "/images").names().is_empty());
    } else {
        assert_eq!(answer.image()["properties"], two["image"]["properties"]);
    }
    // One may take the other's place.
    let id = registry.create(T1, json!({"properties": {"e": "1"}}));
    let path = format!("/images/{id}");
    let other = json!({"image": {"properties": {"\u{e9}": "2"}}});
    let purge = [("X-Glance-Registry-Purge-Props", "true")];
    let answer = registry.send(T1, "PUT", &path, &purge, Some(&other.to_string()));
    assert_eq!(answer.image()["properties"], other["image"]["properties"]);
    let found = registry.get(T1, &path).image();
    assert_eq!(found["properties"], other["image"]["properties"]);
}
