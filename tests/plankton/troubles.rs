//! Pithos is down, or slow, or lies.

use functional::{Fault, FaultProxy, Synnefo, Trouble, When, eventually, image_service, patterned};

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

#[test]
fn a_pithos_that_says_nothing_is_given_up() {
    let synnefo = Synnefo::shared();
    let pithos = FaultProxy::before(&synnefo.pithos());
    let setup = image_service(&pithos.address(), &synnefo.astakos());
    let story = Story::with(setup.api_in("glance_store", "pithos_store_timeout", "1"));
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    pithos.inject(When::asked("HEAD", "/x"), Fault::StallHead);
    fault(story.send(alice, get("/images/detail")), 503);
    story.show(alice, &id).expect(503);
    pithos.heal();
    eventually("Pithos answers again", 20, || {
        story.show(alice, &id).status == 200
    });
}

#[test]
fn a_sharing_whose_answer_is_lost_is_the_same_in_both() {
    let synnefo = Synnefo::shared();
    let pithos = FaultProxy::before(&synnefo.pithos());
    let story = Story::with(image_service(&pithos.address(), &synnefo.astakos()));
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register(alice, "x", b"data");
    for value in ["true", "false", "true"] {
        pithos.inject(When::asked("POST", "/x").once(), Fault::ResetHead);
        let answer = story.update(alice, &id, &[("X-Image-Meta-Is-Public", value)]);
        assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
        let public = story.show(alice, &id).expect(200).meta("Is-Public") == "True";
        assert!(
            answer.status == 503 || public == (value == "true"),
            "{value}"
        );
        let readable = story.pithos(bob, "GET", (alice, "x"), &[]).status == 200;
        assert_eq!(public, readable, "{value}");
        assert_eq!(public, story.names(bob, "").len() == 1, "{value}");
    }
}

#[test]
fn data_that_is_cut_short_does_not_look_whole() {
    let synnefo = Synnefo::shared();
    let pithos = FaultProxy::before(&synnefo.pithos());
    let setup = image_service(&pithos.address(), &synnefo.astakos());
    let story = Story::with(setup.api_in("plankton", "proxy_data", "true"));
    let alice = &story.alice;
    let data = patterned(3_000_000, 2);
    let id = story.register(alice, "x", &data);
    let path = format!("/images/{id}");
    for trouble in [
        Trouble::Cut(1_000_000),
        Trouble::Reset(1_000_000),
        Trouble::Shorter(1),
        Trouble::Longer(1),
    ] {
        pithos.inject(When::asked("GET", "/x"), Fault::Received(trouble));
        let got = story
            .cloud
            .try_send(get(&path).header("X-Auth-Token", &alice.token));
        if let Ok(got) = got {
            let whole = got.complete && got.status == 200;
            assert!(!whole || got.body == data, "{trouble:?}");
        }
        pithos.heal();
    }
    eventually("Pithos is well again", 20, || {
        let got = story.send(alice, get(&path));
        got.status == 200 && got.body == data
    });
}
