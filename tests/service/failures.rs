//! What remains when Pithos or the registry fails in the middle.

use glance_api::service::plankton::{NewRegistration, PlanktonError, RegisteredUpdate};

use crate::pithos::at;
use crate::scene::{Scene, new, user};

#[tokio::test]
async fn a_registration_that_fails_leaves_nothing() {
    let mut scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene
        .pithos
        .change(&place, |object| object.readers = vec!["bob".into()]);
    let before = scene.pithos.object(&place);
    let publish = || NewRegistration {
        is_public: true,
        ..new("one", &place)
    };
    let none = |outcome| matches!(outcome, Err(PlanktonError::NotFound { .. }));

    scene.pithos.state().trouble.share = true;
    let failed = scene.try_register(publish()).await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    assert!(none(scene.show("alice", &uuid).await));
    scene.pithos.state().trouble.share = false;

    // The registry is gone when it is to be recorded: everybody must not be able to read it.
    let dies = scene.registry_dies();
    scene.pithos.state().trouble.after_share = Some(dies);
    let failed = scene.try_register(publish()).await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    assert_eq!(scene.pithos.object(&place), before);
    scene.start_registry();
    assert!(none(scene.show("alice", &uuid).await));
    scene.try_register(publish()).await.unwrap();
    assert_eq!(scene.pithos.object(&place).readers, ["*"]);
}

#[tokio::test]
async fn a_change_of_sharing_that_fails_changes_nothing() {
    let mut scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let before = scene.pithos.object(&place);
    let alice = user("alice");
    let publish = || RegisteredUpdate {
        name: Some("two".into()),
        is_public: Some(true),
        ..RegisteredUpdate::default()
    };

    scene.pithos.state().trouble.share = true;
    let failed = scene
        .service
        .update_registered(&alice, &uuid, publish())
        .await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    let failed = scene
        .service
        .add_registered_member(&alice, &uuid, "bob")
        .await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    scene.pithos.state().trouble.share = false;
    assert_eq!(scene.names("alice").await, ["one"]);
    assert_eq!(scene.members("alice", &uuid).await, ["alice"]);

    let dies = scene.registry_dies();
    scene.pithos.state().trouble.after_share = Some(dies);
    let failed = scene
        .service
        .update_registered(&alice, &uuid, publish())
        .await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    assert_eq!(scene.pithos.object(&place), before);
    scene.start_registry();
    let dies = scene.registry_dies();
    scene.pithos.state().trouble.after_share = Some(dies);
    let failed = scene
        .service
        .add_registered_member(&alice, &uuid, "bob")
        .await;
    assert!(matches!(failed, Err(PlanktonError::Unavailable(_))));
    assert_eq!(scene.pithos.object(&place), before);
    scene.start_registry();
    assert_eq!(scene.names("alice").await, ["one"]);
}

#[tokio::test]
async fn pithos_down_is_no_empty_list() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    scene.pithos.state().trouble.stat = true;
    let query = Default::default();
    let list = scene.service.list_registered(&user("alice"), &query).await;
    assert!(matches!(list, Err(PlanktonError::Unavailable(_))));
    let shown = scene.show("alice", &uuid).await;
    assert!(matches!(shown, Err(PlanktonError::Unavailable(_))));
}
