//! GET /shared-images/MEMBER.

use serde_json::json;

use crate::story::{Story, fault, get};

#[test]
fn images_that_are_shared_are_listed_by_their_ids() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    let id = story.register(alice, "shared", b"data");
    story.register(alice, "hidden", b"data");
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let shared = |caller, member: &str| {
        let answer = story.send(caller, get(&format!("/shared-images/{member}")));
        answer.expect(200).json()
    };
    let one = json!({ "shared_images": [{ "image_id": id, "can_share": false }] });
    let none = json!({ "shared_images": [] });
    // Those of alice's that bob sees, as the server has it since release 0.14.
    let as_shipped = shared(bob, &alice.uuid);
    // Those of alice's that bob can read, as the guide words it.
    let as_worded = shared(alice, &bob.uuid);
    assert!(
        as_shipped == one || as_worded == one,
        "{as_shipped} {as_worded}"
    );
    assert_eq!(shared(carol, &alice.uuid), none);
    assert_eq!(shared(alice, "nobody"), none);
}

#[test]
fn the_list_is_to_be_got() {
    let story = Story::begin();
    let path = format!("/shared-images/{}", story.bob.uuid);
    // A slip of the guide's: its table says DELETE.
    let answer = story.send(&story.alice, crate::story::delete(&path));
    fault(answer, 405);
    story.cloud.send(get(&path)).expect(401);
}
