//! What becomes of an image when its object changes, and who may do what with it.

use glance_api::service::plankton::{PlanktonError, RegisteredUpdate};

use crate::pithos::{at, hash};
use crate::scene::{Scene, assert_kept, let_time_pass, new, user};

#[tokio::test]
async fn the_record_follows_the_object() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let before = scene.register("one", &place).await;
    scene.pithos.put(&place, b"12345");
    let after = scene.show("alice", &uuid).await.unwrap();
    assert_eq!((after.size, after.checksum.clone()), (5, hash(b"12345")));
    assert!(after.updated_at > before.updated_at);
    assert_eq!(after.created_at, before.created_at);
    let record = scene.record("alice", &uuid).await;
    assert_eq!(record.size, Some(5));
    assert_eq!(record.checksum, Some(hash(b"12345")));
    assert_eq!(record.location_data.len(), 1);
    assert_kept(record.updated_at, after.updated_at);

    // Lists see it as well.
    scene.pithos.put(&place, b"123");
    assert_eq!(scene.names("alice").await, ["one"]);
    assert_eq!(scene.record("alice", &uuid).await.size, Some(3));
    // What has not changed is not written again.
    let written = scene.record("alice", &uuid).await.updated_at;
    let_time_pass().await;
    scene.show("alice", &uuid).await.unwrap();
    assert_eq!(scene.record("alice", &uuid).await.updated_at, written);
}

#[tokio::test]
async fn an_image_goes_with_its_object() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    scene.pithos.remove(&place);
    let gone = |outcome| matches!(outcome, Err(PlanktonError::NotFound { .. }));
    assert!(gone(scene.show("alice", &uuid).await));
    assert!(scene.names("alice").await.is_empty());
    // Another object in its place is another image.
    let other = scene.pithos.put(&place, b"2");
    assert!(gone(scene.show("alice", &uuid).await));
    assert!(gone(scene.show("alice", &other).await));
    assert!(scene.names("alice").await.is_empty());
    scene.register("two", &place).await;
    assert_eq!(scene.names("alice").await, ["two"]);
    let unknown = "00000000-0000-0000-0000-000000000000";
    assert!(gone(scene.show("alice", unknown).await));
    let word = scene.show("alice", "nothing").await;
    assert!(matches!(word, Err(PlanktonError::InvalidId)));
}

#[tokio::test]
async fn pithos_decides_who_may_do_what() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let rename = |name: &str| RegisteredUpdate {
        name: Some(name.to_owned()),
        ..RegisteredUpdate::default()
    };
    let publish = || RegisteredUpdate {
        is_public: Some(true),
        ..RegisteredUpdate::default()
    };
    let (bob, service) = (user("bob"), &scene.service);
    let stranger = service.update_registered(&bob, &uuid, rename("x")).await;
    assert!(matches!(stranger, Err(PlanktonError::Forbidden)));
    assert!(matches!(
        scene.show("bob", &uuid).await,
        Err(PlanktonError::Forbidden)
    ));
    let stranger = service.unregister(&bob, &uuid).await;
    assert!(matches!(stranger, Err(PlanktonError::Forbidden)));

    scene
        .pithos
        .change(&place, |object| object.readers.push("bob".into()));
    assert_eq!(scene.show("bob", &uuid).await.unwrap().name, "one");
    assert_eq!(scene.members("bob", &uuid).await, ["alice", "bob"]);
    for update in [rename("x"), RegisteredUpdate::default(), publish()] {
        let reader = service.update_registered(&bob, &uuid, update).await;
        assert!(matches!(reader, Err(PlanktonError::NotAllowed)));
    }
    let reader = service.add_registered_member(&bob, &uuid, "carol").await;
    assert!(matches!(reader, Err(PlanktonError::NotAllowed)));
    let reader = service.unregister(&bob, &uuid).await;
    assert!(matches!(reader, Err(PlanktonError::NotAllowed)));

    scene.pithos.change(&place, |object| {
        object.readers.retain(|reader| reader != "bob");
        object.writers.push("bob".into());
    });
    let writer = service
        .update_registered(&bob, &uuid, rename("by bob"))
        .await;
    assert_eq!(writer.unwrap().name, "by bob");
    let writer = service.update_registered(&bob, &uuid, publish()).await;
    assert!(matches!(writer, Err(PlanktonError::NotAllowed)));
    // Writers are no members, and see the image in lists once its owner has looked.
    assert_eq!(scene.members("alice", &uuid).await, ["alice"]);
    assert_eq!(scene.names("bob").await, ["by bob"]);
    service.unregister(&bob, &uuid).await.unwrap();
}

#[tokio::test]
async fn nobody_looks_at_objects_with_the_services_token() {
    let scene = Scene::with(|config| {
        config.pithos.pithos_store_account = Some("glance".to_owned());
        config.pithos.pithos_store_token = Some(glance_config::Secret::new("secret"));
    });
    let ours = at("glance", "x");
    scene.pithos.put(&ours, b"1");
    let refused = scene.try_register(new("x", &ours)).await;
    assert!(matches!(refused, Err(PlanktonError::Forbidden)));

    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let mut without = user("alice");
    without.identity.token = None;
    let refused = scene.service.registered(&without, &uuid).await;
    assert!(matches!(refused, Err(PlanktonError::Forbidden)));
}
