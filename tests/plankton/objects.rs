//! What becomes of an image when its object is overwritten, moved, copied or deleted in Pithos.

use crate::story::{Story, fault};

#[test]
fn an_overwritten_object_is_the_same_image_with_other_data() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let headers = [("X-Image-Meta-Property-os", "x")];
    let id = story.register_with(alice, "o", b"first", &headers);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let before = story.show(alice, &id).meta("Checksum").to_owned();
    story.upload(alice, "o", b"the second");
    for user in [alice, bob] {
        let shown = story.show(user, &id).expect(200);
        let object = story.pithos(user, "HEAD", (alice, "o"), &[]);
        assert_eq!(shown.meta("Size"), "10");
        assert_ne!(shown.meta("Checksum"), before);
        assert_eq!(
            shown.meta("Checksum"),
            object.header("X-Object-Hash").unwrap()
        );
        assert_eq!(shown.meta("Property-Os"), "x");
        let listed = story.listed(user, &id);
        assert_eq!(listed["size"], 10);
        assert_eq!(listed["checksum"], shown.meta("Checksum"));
    }
}

#[test]
fn a_deleted_object_is_no_image() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let public = [("X-Image-Meta-Is-Public", "true")];
    let id = story.register_with(alice, "o", b"data", &public);
    let kept = story.register(alice, "kept", b"data");
    story.pithos(alice, "DELETE", (alice, "o"), &[]).expect(204);
    for user in [alice, bob] {
        assert!(!story.names(user, "").contains(&"o".to_owned()));
        let shown = story.show(user, &id);
        assert!(matches!(shown.status, 404 | 405), "{}", shown.status);
    }
    story.show(alice, &id).expect(404);
    fault(story.update(alice, &id, &[("X-Image-Meta-Name", "y")]), 404);
    fault(story.add_member(alice, &id, &bob.uuid), 404);
    // Another object at the same place is another one.
    story.upload(alice, "o", b"data");
    story.show(alice, &id).expect(404);
    assert_eq!(story.names(alice, ""), ["kept"]);
    let again = story
        .send(alice, story.registration(alice, "o2", "o"))
        .expect(200);
    assert_ne!(again.meta("Id"), id);
    story.show(alice, &kept).expect(200);
}

#[test]
fn a_moved_object_can_be_registered_where_it_is() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [("X-Image-Meta-Property-os", "x")];
    let id = story.register_with(alice, "here", b"data", &headers);
    story.rename(alice, "here", "there");
    // Pithos' API finds no object by its id: until it is registered again, it is not where it was.
    story.show(alice, &id).expect(404);
    assert!(story.names(alice, "").is_empty());
    let again = story
        .send(alice, story.registration(alice, "moved", "there"))
        .expect(200);
    assert_eq!(again.meta("Id"), id);
    assert_eq!(again.meta("Location"), story.location(alice, "there"));
    assert_eq!(story.names(alice, ""), ["moved"]);
    story.show(alice, &id).expect(200);
}

#[test]
fn a_copied_object_is_no_image_before_it_is_registered() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [("X-Image-Meta-Property-os", "x")];
    let id = story.register_with(alice, "o", b"data", &headers);
    story.copy(alice, "o", "copy");
    let copy = story.pithos(alice, "HEAD", (alice, "copy"), &[]);
    let copy = copy.header("X-Object-UUID").unwrap();
    assert_ne!(copy, id);
    fault(
        story.update(alice, copy, &[("X-Image-Meta-Name", "y")]),
        404,
    );
    assert_eq!(story.names(alice, ""), ["o"]);
    let made = story.send(alice, story.registration(alice, "second", "copy"));
    assert_eq!(made.expect(200).meta("Id"), copy);
    assert_eq!(
        story.listed(alice, copy)["properties"],
        serde_json::json!({})
    );
    assert_eq!(story.names(alice, "?sort_key=name"), ["second", "o"]);
}

#[test]
fn who_may_read_by_a_folder_sees_the_image_and_not_in_lists() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let path = story.path(alice, "folder");
    let folder = [("Content-Type", "application/directory")];
    let made = story.synnefo.ask_pithos(alice, "PUT", &path, &folder, b"");
    made.expect(201);
    story.upload(alice, "folder/i", b"data");
    let made = story.send(alice, story.registration(alice, "in", "folder/i"));
    let id = made.expect(200).meta("Id").to_owned();
    story.share(alice, "folder", &format!("read={}", bob.uuid));
    // What an object says of itself goes before what its folder says.
    story.show(bob, &id).expect(405);
    story.share(alice, "folder/i", "");
    story.show(bob, &id).expect(200);
    assert!(story.names(bob, "").is_empty());
    assert!(story.members(bob, &id).is_empty());
    assert_eq!(story.names(alice, ""), ["in"]);
}

#[test]
fn other_metadata_of_the_object_is_its_own_affair() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register_with(alice, "o", b"data", &[("X-Image-Meta-Property-os", "x")]);
    let path = format!("{}?update=", story.path(alice, "o"));
    let headers = [("X-Object-Meta-Color", "blue")];
    story
        .synnefo
        .ask_pithos(alice, "POST", &path, &headers, b"")
        .expect(202);
    let shown = story.show(alice, &id).expect(200);
    assert_eq!(shown.meta("Property-Os"), "x");
    assert_eq!(shown.header("X-Image-Meta-Property-Color"), None);
}
