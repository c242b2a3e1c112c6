//! PUT /images/ID: what is named changes, everything else stays.

use functional::Request;
use serde_json::json;

use crate::story::{NOBODYS, PREFIX, Story, fault, is_moment, put};

#[test]
fn what_is_named_changes_and_the_rest_stays() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [
        ("X-Image-Meta-Property-os", "debian"),
        ("X-Image-Meta-Property-kernel", "5.0"),
        ("X-Image-Meta-Property-users", "root"),
        ("X-Image-Meta-Disk-Format", "extdump"),
    ];
    let id = story.register_with(alice, "orig", b"data", &headers);
    let shown = story.update(alice, &id, &[("X-Image-Meta-Name", "new%20name")]);
    let shown = shown.expect(200);
    assert!(shown.body.is_empty());
    assert_eq!(shown.meta("Name"), "new%20name");
    assert_eq!(shown.meta("Disk-Format"), "extdump");
    assert_eq!(shown.meta("Property-Kernel"), "5.0");
    let formats = [
        ("X-Image-Meta-Disk-Format", "ntfsdump"),
        ("X-Image-Meta-Container-Format", "ami"),
    ];
    let shown = story.update(alice, &id, &formats).expect(200);
    assert_eq!(shown.meta("Disk-Format"), "ntfsdump");
    assert_eq!(shown.meta("Container-Format"), "ami");
    let properties = [
        ("X-Image-Meta-Property-kernel", "6.1"),
        ("X-Image-Meta-Property-added", "yes"),
    ];
    story.update(alice, &id, &properties).expect(200);
    let image = story.listed(alice, &id);
    assert_eq!(image["name"], "new name");
    let all = json!({ "os": "debian", "kernel": "6.1", "users": "root", "added": "yes" });
    assert_eq!(image["properties"], all);
    story
        .update(alice, &id, &[("X-Image-Meta-Property-users", "")])
        .expect(200);
    let left = json!({ "os": "debian", "kernel": "6.1", "added": "yes" });
    assert_eq!(story.listed(alice, &id)["properties"], left);
    story.update(alice, &id, &[]).expect(200);
    assert_eq!(story.listed(alice, &id)["properties"], left);
}

#[test]
fn an_update_answers_with_every_header_of_the_table() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"12345");
    let shown = story.update(alice, &id, &[("X-Image-Meta-Property-OS", "y")]);
    let shown = shown.expect(200);
    let object = story.pithos(alice, "HEAD", (alice, "x"), &[]);
    assert_eq!(shown.meta("Id"), id);
    assert_eq!(shown.meta("Name"), "x");
    assert_eq!(shown.meta("Disk-Format"), "diskdump");
    assert_eq!(shown.meta("Container-Format"), "bare");
    assert_eq!(shown.meta("Size"), "5");
    assert_eq!(
        shown.meta("Checksum"),
        object.header("X-Object-Hash").unwrap()
    );
    assert_eq!(shown.meta("Location"), story.location(alice, "x"));
    assert!(is_moment(shown.meta("Created-At")));
    assert_eq!(shown.header("X-Image-Meta-Deleted-At"), Some(""));
    assert_eq!(shown.meta("Status"), "available");
    assert_eq!(shown.meta("Is-Public"), "False");
    assert_eq!(shown.meta("Owner"), alice.uuid);
    assert_eq!(shown.meta("Property-Os"), "y");
}

#[test]
fn an_image_is_published_and_unpublished() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "x", b"data");
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let publish = |value| {
        let shown = story.update(alice, &id, &[("X-Image-Meta-Is-Public", value)]);
        shown.expect(200).meta("Is-Public").to_owned()
    };
    assert_eq!(publish("TRUE"), "True");
    assert_eq!(story.names(carol, ""), ["x"]);
    story.pithos(carol, "GET", (alice, "x"), &[]).expect(200);
    assert_eq!(publish("false"), "False");
    assert!(story.names(carol, "").is_empty());
    story.pithos(carol, "GET", (alice, "x"), &[]).expect(403);
    // Its members still are.
    assert_eq!(story.names(bob, ""), ["x"]);
    story.pithos(bob, "GET", (alice, "x"), &[]).expect(200);
}

#[test]
fn any_status_may_be_set() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    for status in ["error", "foo", "available"] {
        story
            .update(alice, &id, &[("X-Image-Meta-Status", status)])
            .expect(200);
        assert_eq!(story.listed(alice, &id)["status"], status);
        assert_eq!(story.names(alice, &format!("?status={status}")), ["x"]);
    }
    story
        .update(alice, &id, &[("X-Image-Meta-Status", "")])
        .expect(200);
    assert_eq!(story.listed(alice, &id)["status"], "available");
}

#[test]
fn an_owner_may_be_named_and_stays_who_he_is() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register(alice, "x", b"data");
    let shown = story.update(alice, &id, &[("X-Image-Meta-Owner", &bob.uuid)]);
    assert_eq!(shown.expect(200).meta("Owner"), alice.uuid);
    assert!(story.names(bob, "").is_empty());
}

#[test]
fn wrong_values_change_nothing() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    let long = "x".repeat(257);
    for (header, value) in [
        ("X-Image-Meta-Disk-Format", "qcow2"),
        ("X-Image-Meta-Disk-Format", ""),
        ("X-Image-Meta-Container-Format", "zip"),
        ("X-Image-Meta-Container-Format", ""),
        ("X-Image-Meta-Name", &long),
        ("X-Image-Meta-Name", ""),
        ("X-Image-Meta-Foo", "x"),
        ("X-Image-Meta-Property-v", &long),
        ("X-Image-Meta-Location", &story.location(alice, "x")),
        ("X-Image-Meta-Store", "pithos"),
        ("X-Image-Meta-Id", &id),
        ("X-Image-Meta-Created-At", "2013-03-29 14:14:34"),
        ("X-Image-Meta-Checksum", "x"),
        ("X-Image-Meta-Size", "3"),
    ] {
        let both = [("X-Image-Meta-Property-new", "v"), (header, value)];
        fault(story.update(alice, &id, &both), 400);
    }
    let image = story.listed(alice, &id);
    assert_eq!(image["name"], "x");
    assert_eq!(image["properties"], json!({}));
}

#[test]
fn an_update_has_the_limits_of_a_registration() {
    let story = Story::begin();
    let alice = &story.alice;
    let names: Vec<_> = (0..28)
        .map(|number| format!("X-Image-Meta-Property-p{number}"))
        .collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let id = story.register_with(alice, "x", b"data", &headers);
    let updated = |name: &str, value: &str| story.update(alice, &id, &[(name, value)]);
    fault(updated("X-Image-Meta-Property-more", "v"), 400);
    // It is kept beside them.
    fault(updated("X-Image-Meta-Status", "foo"), 400);
    updated(&names[0], "w").expect(200);
    let more = [(names[0].as_str(), ""), ("X-Image-Meta-Property-more", "v")];
    story.update(alice, &id, &more).expect(200);
    let properties = &story.listed(alice, &id)["properties"];
    assert_eq!(properties.as_object().unwrap().len(), 28);
    assert_eq!(properties["more"], "v");
    let long = format!("X-Image-Meta-Property-{}", "x".repeat(94));
    fault(
        story.update(alice, &id, &[(&names[1], ""), (&long, "v")]),
        400,
    );
}

#[test]
fn a_size_may_be_named_if_it_is_right() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"12345");
    let sum = story.show(alice, &id).meta("Checksum").to_owned();
    let right = [("X-Image-Meta-Size", "5"), ("X-Image-Meta-Checksum", &sum)];
    let shown = story.update(alice, &id, &right).expect(200);
    assert_eq!(shown.meta("Size"), "5");
    fault(story.update(alice, &id, &[("X-Image-Meta-Size", "6")]), 400);
}

#[test]
fn only_who_may_write_the_object_changes_the_image() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "x", b"data");
    let rename = [("X-Image-Meta-Name", "y")];
    fault(story.update(bob, &id, &rename), 405);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    fault(story.update(bob, &id, &rename), 405);
    fault(
        story.update(bob, &id, &[("X-Image-Meta-Is-Public", "true")]),
        405,
    );
    fault(story.update(bob, &id, &[]), 405);
    let public = [("X-Image-Meta-Is-Public", "true")];
    story.update(alice, &id, &public).expect(200);
    fault(story.update(carol, &id, &rename), 405);
    assert_eq!(story.names(alice, ""), ["x"]);
    story.share(
        alice,
        "x",
        &format!("read={};write={}", alice.uuid, bob.uuid),
    );
    story.update(bob, &id, &rename).expect(200);
    assert_eq!(story.names(alice, ""), ["y"]);
    // Publishing is its owner's.
    fault(story.update(bob, &id, &public), 405);
}

#[test]
fn there_is_no_update_without_an_image() {
    let story = Story::begin();
    let alice = &story.alice;
    let rename = [("X-Image-Meta-Name", "y")];
    fault(story.update(alice, NOBODYS, &rename), 404);
    fault(story.update(alice, "nothing", &rename), 404);
    // Glance's way.
    let old = put("/images").header("X-Image-Meta-Name", "y");
    story.send(alice, old).expect(405);
    let old = Request::put(format!("{PREFIX}/images/")).header("X-Image-Meta-Name", "y");
    story.send(alice, old).expect(405);
}
