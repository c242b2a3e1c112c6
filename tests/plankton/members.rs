//! /images/ID/members: who else may see an image.

use functional::{Request, SynnefoUser};
use serde_json::{Value, json};

use crate::story::{NOBODYS, Story, fault, get, put};

fn replacement(id: &str, body: &Value) -> Request {
    put(&format!("/images/{id}/members")).json(body)
}

fn memberships(users: &[&SynnefoUser]) -> Value {
    let members = users.iter().map(|user| json!({ "member_id": user.uuid }));
    json!({ "memberships": members.collect::<Vec<_>>() })
}

fn sorted(users: &[&SynnefoUser]) -> Vec<String> {
    let mut ids: Vec<_> = users.iter().map(|user| user.uuid.clone()).collect();
    ids.sort();
    ids
}

#[test]
fn a_member_is_added_and_removed() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register(alice, "m", b"data");
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
    for _ in 0..2 {
        let added = story.add_member(alice, &id, &bob.uuid).expect(204);
        assert!(added.body.is_empty());
    }
    assert_eq!(story.members(alice, &id), sorted(&[alice, bob]));
    assert_eq!(story.members(bob, &id), sorted(&[alice, bob]));
    assert_eq!(story.names(bob, ""), ["m"]);
    let object = story.pithos(bob, "GET", (alice, "m"), &[]).expect(200);
    assert_eq!(object.body, b"data");
    for _ in 0..2 {
        story.remove_member(alice, &id, &bob.uuid).expect(204);
    }
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
    assert!(story.names(bob, "").is_empty());
    story.pithos(bob, "GET", (alice, "m"), &[]).expect(403);
}

#[test]
fn a_list_of_members_is_replaced() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "m", b"data");
    let both = json!({ "memberships": [
        { "member_id": bob.uuid, "can_share": true },
        { "member_id": carol.uuid },
        { "member_id": bob.uuid },
    ] });
    story.send(alice, replacement(&id, &both)).expect(204);
    assert_eq!(story.members(alice, &id), sorted(&[bob, carol]));
    story
        .send(alice, replacement(&id, &memberships(&[carol])))
        .expect(204);
    assert_eq!(story.members(alice, &id), [carol.uuid.as_str()]);
    fault(story.send(bob, get(&format!("/images/{id}/members"))), 405);
    story.show(bob, &id).expect(405);
    story.show(carol, &id).expect(200);
    story
        .send(alice, replacement(&id, &memberships(&[])))
        .expect(204);
    assert!(story.members(alice, &id).is_empty());
    story.show(carol, &id).expect(405);
    // It is still its owner's.
    assert_eq!(story.names(alice, ""), ["m"]);
}

#[test]
fn a_public_image_has_no_members() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let public = [("X-Image-Meta-Is-Public", "true")];
    let id = story.register_with(alice, "p", b"data", &public);
    assert!(story.members(alice, &id).is_empty());
    assert!(story.members(bob, &id).is_empty());
    // They are kept for the day on which it is public no more.
    story
        .send(alice, replacement(&id, &memberships(&[carol])))
        .expect(204);
    assert!(story.members(alice, &id).is_empty());
    assert_eq!(story.show(bob, &id).expect(200).meta("Is-Public"), "True");
    story
        .update(alice, &id, &[("X-Image-Meta-Is-Public", "false")])
        .expect(200);
    assert_eq!(story.members(alice, &id), [carol.uuid.as_str()]);
    story.show(carol, &id).expect(200);
    story.show(bob, &id).expect(405);
}

#[test]
fn members_are_the_owners_business() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "m", b"data");
    let refused = |user| {
        fault(story.add_member(user, &id, &carol.uuid), 405);
        fault(story.remove_member(user, &id, &bob.uuid), 405);
        fault(story.send(user, replacement(&id, &memberships(&[]))), 405);
    };
    refused(bob);
    fault(story.send(bob, get(&format!("/images/{id}/members"))), 405);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    refused(bob);
    assert_eq!(story.members(alice, &id), sorted(&[alice, bob]));
}

#[test]
fn there_are_no_members_without_an_image() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    for id in [NOBODYS, "nothing"] {
        fault(
            story.send(alice, get(&format!("/images/{id}/members"))),
            404,
        );
        fault(story.add_member(alice, id, &bob.uuid), 404);
        fault(story.remove_member(alice, id, &bob.uuid), 404);
        fault(
            story.send(alice, replacement(id, &memberships(&[bob]))),
            404,
        );
    }
}

#[test]
fn a_list_must_have_the_form_of_one() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "m", b"data");
    for body in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({ "x": 1 }),
        json!({ "memberships": "x" }),
        json!({ "memberships": null }),
        json!({ "memberships": ["x"] }),
        json!({ "memberships": [{}] }),
        json!({ "memberships": [{ "can_share": true }] }),
        json!({ "memberships": [{ "member_id": null }] }),
        json!({ "memberships": [{ "member_id": 17 }] }),
        json!({ "memberships": [{ "member_id": "x".repeat(257) }] }),
    ] {
        fault(story.send(alice, replacement(&id, &body)), 400);
    }
    let members = || put(&format!("/images/{id}/members"));
    fault(story.send(alice, members()), 400);
    fault(story.send(alice, members().body(b"{}".as_slice())), 400);
    let json = |body: &[u8]| {
        members()
            .header("Content-Type", "application/json")
            .body(body)
    };
    fault(story.send(alice, json(b"{bad")), 400);
    fault(
        story.send(
            alice,
            json(b"{\"memberships\": [{\"member_id\": \"\xff\"}]}"),
        ),
        400,
    );
    fault(story.send(alice, json(b"")), 400);
    let text = members().header("Content-Type", "text/plain");
    fault(
        story.send(alice, text.body(b"{\"memberships\": []}".as_slice())),
        400,
    );
    let nested = "[".repeat(100_000);
    fault(story.send(alice, json(nested.as_bytes())), 400);
    fault(story.add_member(alice, &id, &"x".repeat(257)), 400);
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
    let charset = members().header("Content-Type", "application/json; charset=utf-8");
    let body = memberships(&[&story.bob]).to_string();
    story
        .send(alice, charset.body(body.into_bytes()))
        .expect(204);
    assert_eq!(story.members(alice, &id), [story.bob.uuid.as_str()]);
}

#[test]
fn members_that_come_at_once_are_all_members() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "m", b"data");
    let names: Vec<_> = (0..12).map(|number| format!("somebody-{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| story.add_member(alice, &id, name).expect(204));
        }
    });
    let mut all = [names, vec![alice.uuid.clone()]].concat();
    all.sort();
    assert_eq!(story.members(alice, &id), all);
}

#[test]
fn sharing_in_pithos_is_membership() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "m", b"data");
    story.share(alice, "m", &format!("read={}", bob.uuid));
    assert_eq!(story.members(alice, &id), [bob.uuid.as_str()]);
    story.show(bob, &id).expect(200);
    assert_eq!(story.names(bob, ""), ["m"]);
    story.share(alice, "m", "read=*");
    assert_eq!(story.show(carol, &id).expect(200).meta("Is-Public"), "True");
    story.share(alice, "m", "");
    story.show(bob, &id).expect(405);
    story.show(carol, &id).expect(405);
    assert_eq!(
        story.show(alice, &id).expect(200).meta("Is-Public"),
        "False"
    );
}

#[test]
fn who_is_in_a_group_sees_what_it_may_read() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "m", b"data");
    let group = format!("group{}", story.cloud.address().rsplit(':').next().unwrap());
    let member = format!("{}:{group}", alice.uuid);
    let list = json!({ "memberships": [{ "member_id": member }] });
    story.send(alice, replacement(&id, &list)).expect(204);
    assert_eq!(story.members(alice, &id), [member.as_str()]);
    assert!(story.names(bob, "").is_empty());
    story.show(bob, &id).expect(405);
    story.group(alice, &group, &bob.uuid);
    assert_eq!(story.names(bob, ""), ["m"]);
    assert!(story.names(carol, "").is_empty());
    story.show(bob, &id).expect(200);
    story.show(carol, &id).expect(405);
    assert_eq!(story.members(bob, &id), [member.as_str()]);
    // What is kept of members while it is public is what they were.
    for public in ["true", "false"] {
        let update = [("X-Image-Meta-Is-Public", public)];
        story.update(alice, &id, &update).expect(200);
    }
    assert_eq!(story.members(alice, &id), [member.as_str()]);
    assert_eq!(story.names(bob, ""), ["m"]);
    story.group(alice, &group, &carol.uuid);
    assert!(story.names(bob, "").is_empty());
    assert_eq!(story.names(carol, ""), ["m"]);
    story
        .send(alice, replacement(&id, &memberships(&[bob])))
        .expect(204);
    assert_eq!(story.names(bob, ""), ["m"]);
    assert!(story.names(carol, "").is_empty());
}
