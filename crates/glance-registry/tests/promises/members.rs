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
