//! With whom images are shared, in Pithos and in the registry.

use glance_api::service::plankton::{PlanktonError, RegisteredUpdate, Shared};

use crate::pithos::at;
use crate::scene::{Scene, let_time_pass, user};

fn public(is_public: bool) -> RegisteredUpdate {
    RegisteredUpdate {
        is_public: Some(is_public),
        ..RegisteredUpdate::default()
    }
}

#[tokio::test]
async fn members_may_read_in_pithos_and_see_the_image() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let before = scene.register("one", &place).await;
    let (alice, service) = (user("alice"), &scene.service);
    for _ in 0..2 {
        service
            .add_registered_member(&alice, &uuid, "bob")
            .await
            .unwrap();
    }
    assert_eq!(scene.members("bob", &uuid).await, ["alice", "bob"]);
    assert_eq!(scene.names("bob").await, ["one"]);
    assert_eq!(scene.pithos.object(&place).readers, ["alice", "bob"]);
    // What the second one asked for was so already.
    assert_eq!(
        scene
            .pithos
            .shares
            .load(std::sync::atomic::Ordering::SeqCst),
        2
    );

    service
        .remove_registered_member(&alice, &uuid, "carol")
        .await
        .unwrap();
    service
        .remove_registered_member(&alice, &uuid, "bob")
        .await
        .unwrap();
    assert!(matches!(
        scene.show("bob", &uuid).await,
        Err(PlanktonError::Forbidden)
    ));
    assert!(scene.names("bob").await.is_empty());

    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let new = list(&["bob", "carol", "bob"]);
    service
        .set_registered_members(&alice, &uuid, new)
        .await
        .unwrap();
    assert_eq!(scene.members("alice", &uuid).await, ["bob", "carol"]);
    assert_eq!(scene.names("alice").await, ["one"]);
    service
        .set_registered_members(&alice, &uuid, Vec::new())
        .await
        .unwrap();
    assert!(scene.members("alice", &uuid).await.is_empty());
    assert!(scene.pithos.object(&place).readers.is_empty());
    for wrong in ["", "a,b", &"m".repeat(257)] {
        let refused = service.add_registered_member(&alice, &uuid, wrong).await;
        assert!(matches!(refused, Err(PlanktonError::InvalidMember)));
    }
    // Nothing of all this is a change of the image.
    assert_eq!(
        scene.show("alice", &uuid).await.unwrap().updated_at,
        before.updated_at
    );
}

#[tokio::test]
async fn members_outlive_publicity() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let (alice, service) = (user("alice"), &scene.service);
    service
        .add_registered_member(&alice, &uuid, "bob")
        .await
        .unwrap();
    let published = service
        .update_registered(&alice, &uuid, public(true))
        .await
        .unwrap();
    assert!(published.is_public);
    assert_eq!(scene.pithos.object(&place).readers, ["*"]);
    assert!(scene.members("alice", &uuid).await.is_empty());
    assert_eq!(scene.names("dave").await, ["one"]);

    service
        .add_registered_member(&alice, &uuid, "carol")
        .await
        .unwrap();
    service
        .remove_registered_member(&alice, &uuid, "bob")
        .await
        .unwrap();
    assert_eq!(scene.pithos.object(&place).readers, ["*"]);
    let hidden = service
        .update_registered(&alice, &uuid, public(false))
        .await
        .unwrap();
    assert!(!hidden.is_public);
    assert_eq!(scene.members("alice", &uuid).await, ["alice", "carol"]);
    assert!(scene.names("dave").await.is_empty());

    // Everybody among the members is publicity, which no list of members takes back.
    for members in [vec!["*".to_owned()], vec!["bob".to_owned()]] {
        service
            .set_registered_members(&alice, &uuid, members)
            .await
            .unwrap();
        assert!(scene.show("dave", &uuid).await.unwrap().is_public);
    }
    service
        .update_registered(&alice, &uuid, public(false))
        .await
        .unwrap();
    assert_eq!(scene.members("alice", &uuid).await, ["bob"]);
}

#[tokio::test]
async fn what_is_shared_in_pithos_is_known_when_the_owner_looks() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    scene
        .pithos
        .change(&place, |object| object.readers = vec!["*".into()]);
    assert!(scene.show("alice", &uuid).await.unwrap().is_public);
    assert_eq!(scene.names("dave").await, ["one"]);
    scene
        .pithos
        .change(&place, |object| object.readers = vec!["bob".into()]);
    assert!(scene.names("dave").await.is_empty());
    assert_eq!(scene.names("alice").await, ["one"]);
    assert_eq!(scene.names("bob").await, ["one"]);
    assert!(!scene.record("alice", &uuid).await.is_public);
}

#[tokio::test]
async fn members_that_are_added_at_the_same_time_all_stay() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let alice = user("alice");
    let names: Vec<String> = (0..20).map(|number| format!("m{number:02}")).collect();
    let adds = names.iter();
    let adds = adds.map(|name| scene.service.add_registered_member(&alice, &uuid, name));
    for added in futures_util::future::join_all(adds).await {
        added.unwrap();
    }
    assert_eq!(scene.members("alice", &uuid).await[1..], names);
}

#[tokio::test]
async fn tells_which_images_are_shared_with_or_by_somebody() {
    let scene = Scene::new();
    let alice = user("alice");
    let mut ids = Vec::new();
    for name in ["private", "shared", "public"] {
        let place = at("alice", name);
        ids.push(scene.pithos.put(&place, b"1"));
        scene.register(name, &place).await;
        let_time_pass().await;
    }
    let service = &scene.service;
    service
        .add_registered_member(&alice, &ids[1], "bob")
        .await
        .unwrap();
    service
        .update_registered(&alice, &ids[2], public(true))
        .await
        .unwrap();
    let shared = async |who: &str, shared| service.shared_by(&user(who), shared).await.unwrap();
    let (private, both, open) = (&ids[0], &ids[1], &ids[2]);
    assert_eq!(shared("bob", Shared::By("alice")).await, [both.as_str()]);
    assert_eq!(
        shared("alice", Shared::By("alice")).await,
        [both.as_str(), private.as_str()]
    );
    assert!(shared("bob", Shared::By("nobody")).await.is_empty());
    assert_eq!(
        shared("alice", Shared::With("bob")).await,
        [open.as_str(), both.as_str()]
    );
    assert_eq!(shared("alice", Shared::With("dave")).await, [open.as_str()]);
    assert!(shared("bob", Shared::With("alice")).await.is_empty());
}
