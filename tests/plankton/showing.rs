//! HEAD /images/ID: the headers and return codes of the guide's table.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::NaiveDateTime;

use crate::story::{NOBODYS, Story, head, is_moment};

#[test]
fn an_image_is_shown_with_every_header_of_the_table() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [
        ("X-Image-Meta-Property-Partition-Table", "msdos"),
        ("X-Image-Meta-Property-Users", "root user"),
    ];
    let id = story.register_with(alice, "some-image.diskdump", &[3; 77], &headers);
    let shown = story.show(alice, &id).expect(200);
    let object = story.pithos(alice, "HEAD", (alice, "some-image.diskdump"), &[]);
    for (name, value) in [
        ("id", id.as_str()),
        ("location", &story.location(alice, "some-image.diskdump")),
        ("name", "some-image.diskdump"),
        ("disk-format", "diskdump"),
        ("container-format", "bare"),
        ("size", "77"),
        ("checksum", object.header("X-Object-Hash").unwrap()),
        ("deleted-at", ""),
        ("status", "available"),
        ("is-public", "False"),
        ("owner", &alice.uuid),
        ("property-partition-table", "msdos"),
        ("property-users", "root%20user"),
    ] {
        let header = format!("x-image-meta-{name}");
        assert_eq!(shown.header(&header), Some(value), "{header}");
        // Clients compare the names as they were recorded.
        assert!(
            shown.headers.iter().any(|(given, _)| *given == header),
            "{header}"
        );
    }
    assert!(is_moment(shown.meta("Created-At")) && is_moment(shown.meta("Updated-At")));
    for glances in ["uri", "min-ram", "min-disk"] {
        assert_eq!(shown.header(&format!("x-image-meta-{glances}")), None);
    }
}

#[test]
fn there_is_no_image_without_registration() {
    let story = Story::begin();
    let alice = &story.alice;
    story.show(alice, NOBODYS).expect(404);
    story.show(alice, "nothing").expect(404);
    story.upload(alice, "plain", b"data");
    let object = story.pithos(alice, "HEAD", (alice, "plain"), &[]);
    let uuid = object.header("X-Object-UUID").unwrap();
    story.show(alice, uuid).expect(404);
}

#[test]
fn an_id_may_be_spelled_as_any_uuid() {
    let story = Story::begin();
    let id = story.register(&story.alice, "x", b"data");
    for spelled in [id.to_uppercase(), id.replace('-', "")] {
        let shown = story.show(&story.alice, &spelled).expect(200);
        assert_eq!(shown.meta("Id"), id);
    }
}

#[test]
fn others_may_not_see_it_unless_it_is_shared() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register(alice, "mine", b"data");
    story.show(bob, &id).expect(405);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let shown = story.show(bob, &id).expect(200);
    assert_eq!(shown.meta("Owner"), alice.uuid);
    story.remove_member(alice, &id, &bob.uuid).expect(204);
    story.show(bob, &id).expect(405);
}

#[test]
fn created_at_stays_and_updated_at_moves() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    let first = story.show(alice, &id);
    functional::eventually("the second has passed", 10, || {
        let update = [("X-Image-Meta-Property-a", "b")];
        let shown = story.update(alice, &id, &update).expect(200);
        assert_eq!(shown.meta("Created-At"), first.meta("Created-At"));
        shown.meta("Updated-At") > first.meta("Updated-At")
    });
    story
        .send(alice, head(&format!("/images/{id}")))
        .expect(200);
}

#[test]
fn times_are_utc_to_the_second() {
    let story = Story::begin();
    let alice = &story.alice;
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let before = now();
    let id = story.register(alice, "x", b"data");
    let after = now();
    let seconds = |text: &str| {
        let moment = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
        u64::try_from(moment.and_utc().timestamp()).unwrap()
    };
    let shown = story.show(alice, &id);
    let listed = story.listed(alice, &id);
    for field in ["Created-At", "Updated-At"] {
        let text = shown.meta(field);
        let key = field.to_lowercase().replace('-', "_");
        assert_eq!(listed[key], text);
        assert!((before..=after).contains(&seconds(text)), "{field}: {text}");
    }
}
