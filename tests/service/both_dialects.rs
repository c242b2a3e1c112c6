//! Images of both dialects over one registry.

use glance_api::service::plankton::{PlanktonError, RegisteredUpdate};
use glance_core::wire::ImageSummary;

use crate::pithos::at;
use crate::scene::{Scene, let_time_pass, user};

#[tokio::test]
async fn glance_modes_delete_leaves_the_object() {
    for delayed in [false, true] {
        let scene = Scene::with(|config| config.deletion.delayed_delete = delayed);
        let place = at("alice", "a");
        let uuid = scene.pithos.put(&place, b"1");
        scene.register("one", &place).await;
        let before = scene.pithos.object(&place);
        let record = scene.record("alice", &uuid).await;
        scene.service.delete(&user("alice"), &record).await.unwrap();
        assert_eq!(scene.pithos.object(&place), before);
        assert_eq!(scene.pithos.state().deleted, 0);
        let gone = scene.show("alice", &uuid).await;
        assert!(matches!(gone, Err(PlanktonError::NotFound { .. })));
        // It can be registered again at once.
        scene.register("two", &place).await;
        assert_eq!(scene.names("alice").await, ["two"]);
    }
}

#[tokio::test]
async fn verifying_leaves_registered_objects_alone() {
    let scene = Scene::new();
    let place = at("alice", "a");
    scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    scene.pithos.remove(&place);
    let service = glance_api::service::Requester::service("admin", "req-verify", None);
    let mut findings = 0;
    let report = |_: &_| findings += 1;
    let verified = scene.service.verify(&service, true, report).await.unwrap();
    assert_eq!((verified.images, findings), (1, 0));
}

#[tokio::test]
async fn images_of_glance_mode_are_shown_and_not_changed() {
    let scene = Scene::new();
    let private = scene.glance_image("alice", "private", false).await;
    let_time_pass().await;
    let public = scene.glance_image("alice", "public", true).await;
    assert_eq!(scene.names("alice").await, ["public", "private"]);
    assert_eq!(scene.names("bob").await, ["public"]);
    let shown = scene.show("alice", &private.id).await.unwrap();
    assert_eq!(shown.disk_format, "diskdump");
    assert_eq!((shown.location, shown.owner.as_str()), (None, "alice"));
    let hidden = scene.show("bob", &private.id).await;
    assert!(matches!(hidden, Err(PlanktonError::Forbidden)));
    let alice = user("alice");
    let nothing = RegisteredUpdate::default();
    let refused = scene
        .service
        .update_registered(&alice, &public.id, nothing)
        .await;
    assert!(matches!(refused, Err(PlanktonError::NotAllowed)));
    let refused = scene.service.unregister(&alice, &public.id).await;
    assert!(matches!(refused, Err(PlanktonError::NotAllowed)));
    assert_eq!(scene.names("alice").await.len(), 2);
}

#[tokio::test]
async fn registered_images_are_images_of_glance_mode() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    scene.register("one", &place).await;
    let page = scene.service.list(&user("alice"), &[]).await.unwrap();
    let list: Vec<ImageSummary<'_>> = page.images().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].id.as_ref(), uuid);
    assert_eq!(list[0].disk_format.as_ref().unwrap().as_ref(), "raw");
    // Sharing there is sharing in Pithos.
    let alice = user("alice");
    scene
        .service
        .add_member(&alice, &uuid, "bob", None)
        .await
        .unwrap();
    assert_eq!(scene.pithos.object(&place).readers, ["alice", "bob"]);
    assert_eq!(scene.members("bob", &uuid).await, ["alice", "bob"]);
}
