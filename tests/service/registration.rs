//! Registering, registering again, changing and unregistering.

use glance_api::service::plankton::{NewRegistration, PlanktonError, RegisteredUpdate};

use crate::pithos::{at, hash};
use crate::scene::{Scene, assert_kept, let_time_pass, new, properties, user};

#[tokio::test]
async fn an_image_is_its_object() {
    let scene = Scene::new();
    let place = at("alice", "dir/ä b.img");
    let uuid = scene.pithos.put(&place, b"0123456789");
    let registered = scene
        .try_register(NewRegistration {
            size: Some(10),
            checksum: Some(hash(b"0123456789")),
            properties: properties(&[("os", "x"), ("empty", "")]),
            ..new("a \u{1f427}", &place)
        })
        .await
        .unwrap();
    assert_eq!(registered.id, uuid);
    assert_eq!(registered.name, "a \u{1f427}");
    assert_eq!(registered.size, 10);
    assert_eq!(registered.checksum, hash(b"0123456789"));
    assert_eq!(registered.owner, "alice");
    assert_eq!(registered.location, Some(place.clone()));
    assert_eq!(registered.properties, properties(&[("os", "x")]));
    assert_kept(registered.created_at, registered.updated_at);
    assert_eq!(scene.pithos.object(&place).readers, ["alice"]);
    for id in [&uuid, &uuid.to_uppercase(), &uuid.replace('-', "")] {
        assert_eq!(scene.show("alice", id).await.unwrap(), registered);
    }
    assert_eq!(scene.members("alice", &uuid).await, ["alice"]);
    // In Glance's words.
    let record = scene.record("alice", &uuid).await;
    assert_eq!(record.disk_format.as_deref(), Some("raw"));
    assert_eq!(record.status.as_str(), "active");
}

#[tokio::test]
async fn registering_again_resets_or_merges() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let first = scene
        .try_register(NewRegistration {
            disk_format: "ntfsdump".into(),
            container_format: "ovf".into(),
            is_public: true,
            properties: properties(&[("os", "debian"), ("kernel", "5")]),
            ..new("one", &place)
        })
        .await
        .unwrap();
    let update = RegisteredUpdate {
        status: Some("foo".into()),
        ..RegisteredUpdate::default()
    };
    let alice = user("alice");
    let updated = scene.service.update_registered(&alice, &uuid, update);
    assert_eq!(updated.await.unwrap().status.as_deref(), Some("foo"));

    let_time_pass().await;
    let merged = scene
        .try_register(NewRegistration {
            properties: properties(&[("kernel", "6")]),
            merge: true,
            ..new("two", &place)
        })
        .await
        .unwrap();
    assert_eq!(
        merged.properties,
        properties(&[("os", "debian"), ("kernel", "6")])
    );
    assert_eq!(merged.status.as_deref(), Some("foo"));
    assert_eq!(
        (
            merged.disk_format.as_str(),
            merged.container_format.as_str()
        ),
        ("diskdump", "bare")
    );
    assert!(!merged.is_public);
    assert_eq!(scene.pithos.object(&place).readers, ["alice"]);
    assert_eq!(merged.created_at, first.created_at);
    assert!(merged.updated_at > first.updated_at);
    let merged = scene
        .try_register(NewRegistration {
            properties: properties(&[("kernel", "")]),
            merge: true,
            ..new("three", &place)
        })
        .await
        .unwrap();
    assert_eq!(merged.properties, properties(&[("os", "debian")]));

    let reset = scene.register("four", &place).await;
    assert_eq!(reset.properties, properties(&[]));
    assert_eq!(reset.status, None);
}

#[tokio::test]
async fn an_unregistered_image_is_gone_and_its_object_is_not() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let first = scene.register("one", &place).await;
    let alice = user("alice");
    scene.service.unregister(&alice, &uuid).await.unwrap();
    let gone = |outcome| matches!(outcome, Err(PlanktonError::NotFound { .. }));
    assert!(gone(scene.show("alice", &uuid).await));
    assert!(scene.names("alice").await.is_empty());
    let again = scene.service.unregister(&alice, &uuid).await;
    assert!(matches!(again, Err(PlanktonError::NotFound { .. })));
    // Sharing stays as well.
    assert_eq!(scene.pithos.object(&place).readers, ["alice"]);
    assert_eq!(scene.pithos.state().deleted, 0);

    let_time_pass().await;
    let second = scene.register("two", &place).await;
    assert_eq!(second.id, uuid);
    assert!(second.created_at > first.created_at);
    assert_eq!(scene.names("alice").await, ["two"]);
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let before = scene
        .try_register(NewRegistration {
            properties: properties(&[("os", "x"), ("kernel", "5")]),
            ..new("one", &place)
        })
        .await
        .unwrap();
    let alice = user("alice");
    let update = RegisteredUpdate {
        disk_format: Some("extdump".into()),
        properties: properties(&[("kernel", ""), ("new", "1")]),
        ..RegisteredUpdate::default()
    };
    let_time_pass().await;
    let after = scene
        .service
        .update_registered(&alice, &uuid, update)
        .await
        .unwrap();
    assert_eq!(after.name, "one");
    assert_eq!(after.disk_format, "extdump");
    assert_eq!(after.properties, properties(&[("os", "x"), ("new", "1")]));
    assert_eq!(after.created_at, before.created_at);
    assert!(after.updated_at > before.updated_at);
    assert_eq!(scene.show("alice", &uuid).await.unwrap(), after);

    // Nothing at all is a change, too.
    let_time_pass().await;
    let nothing = RegisteredUpdate::default();
    let later = scene
        .service
        .update_registered(&alice, &uuid, nothing)
        .await
        .unwrap();
    assert!(later.updated_at > after.updated_at);

    let nameless = RegisteredUpdate {
        name: Some(String::new()),
        ..RegisteredUpdate::default()
    };
    let refused = scene
        .service
        .update_registered(&alice, &uuid, nameless)
        .await;
    assert!(matches!(refused, Err(PlanktonError::NameRequired { .. })));
    assert_eq!(scene.show("alice", &uuid).await.unwrap(), later);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let scene = Scene::new();
    let place = at("alice", "a");
    let uuid = scene.pithos.put(&place, b"1");
    let refused = async |new| scene.try_register(new).await.unwrap_err();
    let base = || new("a", &place);
    let error = refused(new("a", &at("alice", "nothing"))).await;
    assert!(matches!(error, PlanktonError::NoSuchObject));
    let error = refused(NewRegistration {
        size: Some(2),
        ..base()
    })
    .await;
    assert!(matches!(
        error,
        PlanktonError::SizeDiffers { given: 2, found: 1 }
    ));
    let error = refused(NewRegistration {
        checksum: Some("x".into()),
        ..base()
    })
    .await;
    assert!(matches!(error, PlanktonError::ChecksumDiffers));
    let error = refused(NewRegistration {
        name: "n".repeat(257),
        ..base()
    })
    .await;
    assert!(matches!(error, PlanktonError::ValueTooLong));
    let many: Vec<String> = (0..29).map(|number| format!("p{number}")).collect();
    let pairs: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "v")).collect();
    let error = refused(NewRegistration {
        properties: properties(&pairs),
        ..base()
    })
    .await;
    assert!(matches!(error, PlanktonError::TooManyItems));
    // Whose else it is: a stranger, a reader and a writer of the object.
    scene.pithos.change(&place, |object| {
        object.readers = vec!["bob".into()];
        object.writers = vec!["carol".into()];
    });
    let before = scene.pithos.object(&place);
    for (who, stranger) in [("dave", true), ("bob", false), ("carol", false)] {
        let outcome = scene.service.register(&user(who), base()).await;
        match outcome {
            Err(PlanktonError::Forbidden) => assert!(stranger, "{who}"),
            Err(PlanktonError::NotAllowed) => assert!(!stranger, "{who}"),
            other => panic!("{who}: {other:?}"),
        }
    }
    let absent = scene
        .service
        .register(&user("bob"), new("a", &at("alice", "nothing")))
        .await;
    assert!(matches!(absent, Err(PlanktonError::Forbidden)));
    assert_eq!(scene.pithos.object(&place), before);
    let none = scene.show("alice", &uuid).await;
    assert!(matches!(none, Err(PlanktonError::NotFound { .. })));

    let full = NewRegistration {
        properties: properties(&pairs[..28]),
        ..base()
    };
    scene.try_register(full).await.unwrap();
    let update = RegisteredUpdate {
        status: Some("x".into()),
        ..RegisteredUpdate::default()
    };
    let refused = scene
        .service
        .update_registered(&user("alice"), &uuid, update)
        .await;
    assert!(matches!(refused, Err(PlanktonError::TooManyItems)));
}
