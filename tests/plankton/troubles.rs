//! Pithos is down, or slow, or lies.

use functional::{FaultProxy, Synnefo, eventually, image_service};

use crate::story::{Story, fault, get, put};

#[test]
fn while_pithos_is_down_nothing_is_lost() {
    let synnefo = Synnefo::shared();
    let pithos = FaultProxy::before(&synnefo.pithos());
    let story = Story::with(image_service(&pithos.address(), &synnefo.astakos()));
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register(alice, "x", b"data");
    story.upload(alice, "new", b"data");
    pithos.refuse();
    let answers = [
        story.send(alice, story.registration(alice, "new", "new")),
        story.send(alice, get("/images/detail")),
        story.update(alice, &id, &[("X-Image-Meta-Name", "y")]),
        story.update(alice, &id, &[("X-Image-Meta-Is-Public", "true")]),
        story.add_member(alice, &id, &bob.uuid),
        story.remove_member(alice, &id, &alice.uuid),
        story.send(alice, get(&format!("/images/{id}/members"))),
        story.send(
            alice,
            put(&format!("/images/{id}/members")).json(&serde_json::json!({ "memberships": [] })),
        ),
        story.unregister(alice, &id),
    ];
    for answer in answers {
        assert!(answer.header("Retry-After").is_some(), "{}", answer.status);
        fault(answer, 503);
    }
    let shown = story.show(alice, &id).expect(503);
    assert!(shown.header("Retry-After").is_some());
    pithos.accept();
    eventually("Pithos is back", 20, || {
        story.show(alice, &id).status == 200
    });
    // Nothing of what failed has happened.
    assert_eq!(story.names(alice, ""), ["x"]);
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
    assert_eq!(story.listed(alice, &id)["is_public"], false);
}

#[test]
fn without_the_registry_it_says_so() {
    let mut story = Story::begin();
    let alice = story.alice.clone();
    let id = story.register(&alice, "x", b"data");
    let registry = story.cloud.take_registry();
    registry.stop();
    fault(story.send(&alice, get("/images/detail")), 503);
    story.show(&alice, &id).expect(503);
    fault(story.unregister(&alice, &id), 503);
    story.cloud.start_registry();
    eventually("the registry is back", 20, || {
        story.show(&alice, &id).status == 200
    });
    assert_eq!(story.names(&alice, ""), ["x"]);
}
