//! Reading the data of registered images.

use futures_util::TryStreamExt;
use glance_api::service::ServiceError;
use glance_api::service::plankton::{PlanktonError, Registered};
use glance_store::data::{Batch, ImageData};
use glance_store::store::ByteRange;

use crate::pithos::at;
use crate::scene::{Scene, user};

async fn collected(data: ImageData) -> Vec<u8> {
    let batches: Vec<Batch> = data.into_stream().try_collect().await.unwrap();
    batches.concat().concat()
}

async fn opened(scene: &Scene, image: &Registered) -> Result<Vec<u8>, PlanktonError> {
    let data = scene
        .service
        .open_registered(&user("alice"), image, None)
        .await?;
    Ok(collected(data).await)
}

#[tokio::test]
async fn gives_the_data_that_the_image_describes_or_none() {
    let scene = Scene::new();
    let place = at("alice", "a");
    scene.pithos.put(&place, b"0123456789");
    let image = scene.register("one", &place).await;
    assert_eq!(opened(&scene, &image).await.unwrap(), b"0123456789");
    let range = ByteRange {
        offset: 3,
        length: 4,
    };
    let alice = user("alice");
    let part = scene
        .service
        .open_registered(&alice, &image, Some(range))
        .await;
    assert_eq!(collected(part.unwrap()).await, b"3456");
    let stranger = scene
        .service
        .open_registered(&user("bob"), &image, None)
        .await;
    assert!(matches!(stranger, Err(PlanktonError::Forbidden)));

    // Changed since the caller was told of it: of the same length, and of another one.
    for bytes in [&b"abcdefghij"[..], b"abc"] {
        scene.pithos.put(&place, bytes);
        let stale = opened(&scene, &image).await;
        assert!(matches!(stale, Err(PlanktonError::DataChanged { .. })));
    }
    let image = scene.show("alice", &image.id).await.unwrap();
    assert_eq!(opened(&scene, &image).await.unwrap(), b"abc");

    scene.pithos.remove(&place);
    let gone = opened(&scene, &image).await;
    assert!(matches!(gone, Err(PlanktonError::DataChanged { .. })));
}

#[tokio::test]
async fn glance_mode_refuses_what_its_record_does_not_describe_and_knows_better_then() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"0123456789");
    scene.register("one", &place).await;
    let alice = user("alice");
    let open = async || {
        let record = scene.record("alice", &uuid).await;
        scene.service.open(&alice.identity, &record, None).await
    };
    assert_eq!(collected(open().await.unwrap()).await, b"0123456789");
    scene.pithos.put(&place, b"abcdefghij");
    assert!(matches!(open().await, Err(ServiceError::DataGone { .. })));
    assert_eq!(collected(open().await.unwrap()).await, b"abcdefghij");
    scene.pithos.remove(&place);
    assert!(matches!(open().await, Err(ServiceError::DataGone { .. })));
}
