//! Lists: what is looked at, filters and orders.

use std::sync::atomic::Ordering::SeqCst;

use glance_api::service::plankton::{NewRegistration, RegisteredQuery, RegisteredUpdate};
use glance_core::query::{SortDirection, SortKey};

use crate::pithos::at;
use crate::scene::{Scene, let_time_pass, new, user};

async fn listed(scene: &Scene, query: RegisteredQuery) -> String {
    let list = scene.service.list_registered(&user("alice"), &query).await;
    let names: Vec<String> = list.unwrap().into_iter().map(|image| image.name).collect();
    names.join(" ")
}

#[tokio::test]
async fn filters_filter_and_orders_order() {
    let scene = Scene::new();
    for (object, name, disk_format, size) in [
        ("1", "b", "diskdump", 30),
        ("2", "a", "extdump", 20),
        ("3", "Ω", "diskdump", 9),
        ("4", "B", "ntfsdump", 20),
    ] {
        let place = at("alice", object);
        scene.pithos.put(&place, &vec![0; size]);
        let new = NewRegistration {
            disk_format: disk_format.to_owned(),
            ..new(name, &place)
        };
        scene.try_register(new).await.unwrap();
        let_time_pass().await;
    }
    let all = RegisteredQuery::default;
    let by = |sort_key, direction| RegisteredQuery {
        sort_key,
        direction,
        ..all()
    };
    let (up, down) = (SortDirection::Ascending, SortDirection::Descending);
    assert_eq!(listed(&scene, all()).await, "B Ω a b");
    assert_eq!(listed(&scene, by(SortKey::Name, up)).await, "B a b Ω");
    assert_eq!(listed(&scene, by(SortKey::Size, up)).await, "Ω a B b");
    assert_eq!(
        listed(&scene, by(SortKey::Size, down)).await,
        "b a B Ω",
        "ties stay"
    );
    assert_eq!(listed(&scene, by(SortKey::Status, down)).await, "b a Ω B");
    assert_eq!(listed(&scene, by(SortKey::DiskFormat, up)).await, "b Ω a B");

    let text = |text: &str| Some(text.to_owned());
    let names = vec!["a".to_owned(), "Ω".to_owned()];
    assert_eq!(
        listed(&scene, RegisteredQuery { names, ..all() }).await,
        "Ω a"
    );
    let disk_format = text("diskdump");
    assert_eq!(
        listed(
            &scene,
            RegisteredQuery {
                disk_format,
                ..all()
            }
        )
        .await,
        "Ω b"
    );
    let disk_format = text("raw");
    assert_eq!(
        listed(
            &scene,
            RegisteredQuery {
                disk_format,
                ..all()
            }
        )
        .await,
        ""
    );
    let container_format = text("ovf");
    assert_eq!(
        listed(
            &scene,
            RegisteredQuery {
                container_format,
                ..all()
            }
        )
        .await,
        ""
    );
    let size_min = Some(20);
    assert_eq!(
        listed(&scene, RegisteredQuery { size_min, ..all() }).await,
        "B a b"
    );
    let size_max = Some(20);
    assert_eq!(
        listed(&scene, RegisteredQuery { size_max, ..all() }).await,
        "B Ω a"
    );
    let status = text("AVAILABLE");
    assert_eq!(
        listed(&scene, RegisteredQuery { status, ..all() }).await,
        "B Ω a b"
    );

    let query = RegisteredQuery {
        names: vec!["a".to_owned()],
        ..all()
    };
    let list = scene
        .service
        .list_registered(&user("alice"), &query)
        .await
        .unwrap();
    let update = RegisteredUpdate {
        status: text("mine"),
        ..RegisteredUpdate::default()
    };
    let alice = user("alice");
    scene
        .service
        .update_registered(&alice, &list[0].id, update)
        .await
        .unwrap();
    let status = text("Mine");
    assert_eq!(
        listed(&scene, RegisteredQuery { status, ..all() }).await,
        "a"
    );
}

#[tokio::test]
async fn looks_at_each_object_once_and_at_sixteen_at_a_time() {
    let scene = Scene::new();
    for number in 0..40 {
        let place = at("alice", &format!("{number:02}"));
        scene.pithos.put(&place, b"1");
        scene.register(&format!("n{number:02}"), &place).await;
    }
    // An object in the place of another one that was registered.
    let place = at("alice", "00");
    scene.pithos.remove(&place);
    scene.pithos.put(&place, b"2");
    scene.register("again", &place).await;
    scene.pithos.all_looks.store(0, SeqCst);
    scene.pithos.most_looks.store(0, SeqCst);
    let names = scene.names("alice").await;
    assert_eq!(names.len(), 40);
    assert_eq!(names[0], "again");
    assert_eq!(scene.pithos.all_looks.load(SeqCst), 40);
    assert_eq!(scene.pithos.most_looks.load(SeqCst), 16);
    // What the registry tells apart is not even looked at.
    let query = RegisteredQuery {
        names: vec!["n07".to_owned()],
        ..RegisteredQuery::default()
    };
    assert_eq!(listed(&scene, query).await, "n07");
    assert_eq!(scene.pithos.all_looks.load(SeqCst), 41);
}
