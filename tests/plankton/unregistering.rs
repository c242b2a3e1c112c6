//! DELETE /images/ID: the image goes, the object stays.

use serde_json::json;

use crate::story::{NOBODYS, Story, fault, get};

#[test]
fn the_object_stays() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let headers = [("X-Image-Meta-Property-os", "x")];
    let id = story.register_with(alice, "d", b"data", &headers);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let gone = story.unregister(alice, &id).expect(204);
    assert!(gone.body.is_empty());
    story.show(alice, &id).expect(404);
    assert!(story.names(alice, "").is_empty() && story.names(bob, "").is_empty());
    fault(story.unregister(alice, &id), 404);
    fault(
        story.send(alice, get(&format!("/images/{id}/members"))),
        404,
    );
    fault(story.add_member(alice, &id, &bob.uuid), 404);
    let object = story.pithos(alice, "GET", (alice, "d"), &[]).expect(200);
    assert_eq!(object.body, b"data");
    // As does who may read it.
    story.pithos(bob, "HEAD", (alice, "d"), &[]).expect(200);
    // It becomes the same image again, as if it had never been one.
    let again = story
        .send(alice, story.registration(alice, "d2", "d"))
        .expect(200);
    assert_eq!(again.meta("Id"), id);
    assert_eq!(story.listed(alice, &id)["properties"], json!({}));
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
}

#[test]
fn only_who_may_write_unregisters() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register_with(alice, "d", b"data", &[("X-Image-Meta-Is-Public", "true")]);
    fault(story.unregister(bob, &id), 405);
    story
        .update(alice, &id, &[("X-Image-Meta-Is-Public", "false")])
        .expect(200);
    fault(story.unregister(bob, &id), 405);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    fault(story.unregister(bob, &id), 405);
    story.show(alice, &id).expect(200);
    for id in [NOBODYS, "nothing"] {
        fault(story.unregister(alice, id), 404);
    }
}
