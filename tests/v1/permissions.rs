//! Who may do what with whose image.

use functional::{Cloud, Identity, Request};
use serde_json::json;

#[test]
fn strangers_find_nothing() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let stranger = cloud.newcomer();
    let id = owner.create("private", b"12345");
    let member = format!("/v1/images/{id}/members/{}", stranger.caller.tenant);

    stranger.show(&id).expect(404);
    stranger.download(&id).expect(404);
    stranger.upload(&id, b"x").expect(404);
    stranger.delete(&id).expect(404);
    stranger
        .send(Request::get(format!("/v1/images/{id}/members")))
        .expect(404);
    stranger.send(Request::put(&member)).expect(404);
    stranger.send(Request::delete(&member)).expect(404);
    stranger
        .send(Request::get(format!("/v1/images?marker={id}")))
        .expect(400);
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
}

#[test]
fn members_read_and_no_more() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let friend = cloud.newcomer();
    let id = owner.create("shared", b"12345");
    let member = |who: &Identity| format!("/v1/images/{id}/members/{}", who.tenant);
    owner.send(Request::put(member(&friend.caller))).expect(204);

    friend.download(&id).expect(200);
    // Glance answers 500 here, and means that it is forbidden.
    let rename = Request::put(format!("/v1/images/{id}")).header("x-image-meta-name", "x");
    assert!(matches!(friend.send(rename).status, 403 | 404));
    assert!(matches!(friend.delete(&id).status, 403 | 404));
    friend
        .send(Request::put(member(&Identity::member())))
        .expect(404);
    friend
        .send(Request::delete(member(&friend.caller)))
        .expect(404);
    assert_eq!(owner.show(&id).expect(200).meta("Name"), "shared");
}

#[test]
fn a_member_who_may_share_shares() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let (friend, third) = (cloud.newcomer(), cloud.newcomer());
    let id = owner.create("shared", b"12345");
    let member = |who: &Identity| format!("/v1/images/{id}/members/{}", who.tenant);
    let may_share = json!({"member": {"can_share": true}});
    owner
        .send(Request::put(member(&friend.caller)).json(&may_share))
        .expect(204);

    friend.send(Request::put(member(&third.caller))).expect(204);
    third.download(&id).expect(200);
    third
        .send(Request::put(member(&Identity::member())))
        .expect(404);
}

#[test]
fn a_removed_member_can_be_added_again() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let friend = cloud.newcomer();
    let id = owner.create("shared", b"12345");
    let member = format!("/v1/images/{id}/members/{}", friend.caller.tenant);
    for _ in 0..2 {
        owner.send(Request::put(&member)).expect(204);
        friend.show(&id).expect(200);
        owner.send(Request::delete(&member)).expect(204);
        friend.show(&id).expect(404);
    }
}

#[test]
fn the_list_of_members_is_replaced_as_a_whole() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("shared", b"12345");
    let members = format!("/v1/images/{id}/members");
    owner
        .send(Request::put(format!("{members}/first")))
        .expect(204);
    let list = json!({"memberships": [{"member_id": "second"}, {"member_id": "third", "can_share": true}]});
    owner.send(Request::put(&members).json(&list)).expect(204);

    let now = owner.send(Request::get(&members)).expect(200).json();
    let expected = json!({"members": [
        {"member_id": "second", "can_share": false},
        {"member_id": "third", "can_share": true},
    ]});
    assert_eq!(now, expected);
}

#[test]
fn headers_of_a_trusted_proxy_mean_nothing_from_a_client() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let stranger = cloud.newcomer();
    let id = owner.create("private", b"12345");
    let posing = Request::get(format!("/v1/images/{id}"))
        .header("X-Identity-Status", "Confirmed")
        .header("X-Tenant-Id", &owner.caller.tenant)
        .header("X-Project-Id", &owner.caller.tenant)
        .header("X-Roles", "admin");
    stranger.send(posing).expect(404);
}
