//! Whose token is used, what a caller may, and what the store tells of an object.

use glance_core::timestamp::Timestamp;

use super::*;
use crate::conformance::{add, collect, data, nobody};
use crate::store::ObjectFacts;

async fn facts(
    store: &PithosStore,
    location: &LocationUrl,
    user: &str,
) -> Result<ObjectFacts, StoreError> {
    let stat = store.stat(location, &caller(user)).await?;
    Ok(stat.object.unwrap())
}

fn to(users: &[&str]) -> Readers {
    Readers {
        public: false,
        tenants: users.iter().map(|user| uuid(user)).collect(),
    }
}

/// Alice's object of ten bytes, and a store without a token of its own.
async fn shared() -> (PithosStore, LocationUrl) {
    let store = open(&theirs());
    let name = ImageId::generate().to_string();
    put(&account(&store, "alice"), "images", &name, b"0123456789").await;
    (store, place("alice", "images", &name))
}

#[tokio::test]
async fn tells_the_facts_of_an_object() {
    let (store, location) = shared().await;
    let before = Timestamp::now();
    let seen = facts(&store, &location, "alice").await.unwrap();
    let hash = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    assert_eq!(seen.hash, hash);
    assert_eq!((seen.uuid.len(), seen.uuid.matches('-').count()), (36, 4));
    assert!(seen.may_write && seen.readers.is_empty() && seen.writers.is_empty());
    let age = before.utc() - seen.modified.utc();
    assert!(age.num_seconds().abs() < 60, "{age}");

    // The same object, other data; then another object in its place.
    let own = account(&store, "alice");
    let name = location.expose().rsplit_once('/').unwrap().1.to_owned();
    put(&own, "images", &name, b"other").await;
    let other = facts(&store, &location, "alice").await.unwrap();
    assert!(other.uuid == seen.uuid && other.hash != seen.hash && other.version > seen.version);
    assert!(own.delete("images", &name).await.unwrap());
    put(&own, "images", &name, b"0123456789").await;
    let third = facts(&store, &location, "alice").await.unwrap();
    assert!(third.uuid != seen.uuid && third.hash == seen.hash);
}

#[tokio::test]
async fn what_is_read_tells_of_which_object_it_is() {
    let (store, location) = shared().await;
    let seen = facts(&store, &location, "alice").await.unwrap();
    let part = ByteRange {
        offset: 2,
        length: 3,
    };
    for (range, expected) in [(None, "0123456789"), (Some(part), "234")] {
        let got = store.get(&location, range, &caller("alice")).await.unwrap();
        assert_eq!(got.object.as_ref(), Some(&seen));
        assert_eq!(collect(got).await.unwrap(), expected.as_bytes());
    }
}

#[tokio::test]
async fn a_part_that_an_object_has_no_more_is_not_there() {
    let (store, location) = shared().await;
    let beyond = ByteRange {
        offset: 5,
        length: 6,
    };
    let got = store.get(&location, Some(beyond), &caller("alice")).await;
    assert!(matches!(got, Err(StoreError::NotFound)), "{got:?}");
}

#[tokio::test]
async fn strangers_learn_nothing_and_readers_only_read() {
    let (store, location) = shared().await;
    let absent = place("alice", "images", "absent");
    for location in [&location, &absent] {
        let seen = facts(&store, location, "bob").await;
        assert!(matches!(seen, Err(StoreError::Forbidden)), "{seen:?}");
    }
    let seen = facts(&store, &absent, "alice").await;
    assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");

    let alice = caller("alice");
    store.share(&location, &to(&["bob"]), &alice).await.unwrap();
    let seen = facts(&store, &location, "bob").await.unwrap();
    assert!(!seen.may_write && seen.readers == [uuid("bob")]);
    let got = store.get(&location, None, &caller("bob")).await.unwrap();
    assert_eq!(collect(got).await.unwrap(), b"0123456789");
    let refused = store.delete(&location, &caller("bob")).await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    let refused = store
        .share(&location, &to(&["carol"]), &caller("bob"))
        .await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    let seen = facts(&store, &location, "carol").await;
    assert!(matches!(seen, Err(StoreError::Forbidden)), "{seen:?}");
}

#[tokio::test]
async fn sharing_follows_and_leaves_writers_alone() {
    let (store, location) = shared().await;
    let alice = caller("alice");
    let own = account(&store, "alice");
    let name = location.expose().rsplit_once('/').unwrap().1.to_owned();
    let value = format!("read={};write={}", uuid("bob"), uuid("carol"));
    let call = Call::object(Method::POST, "images", &name)
        .query("update=")
        .header("x-object-sharing", value.parse().unwrap());
    assert_eq!(own.status(&call).await.unwrap(), StatusCode::ACCEPTED);
    let version = facts(&store, &location, "alice").await.unwrap().version;

    let everybody = Readers {
        public: true,
        tenants: vec![uuid("bob")],
    };
    for (readers, expected) in [
        (to(&["alice", "bob"]), vec![uuid("alice"), uuid("bob")]),
        (everybody, vec!["*".to_owned()]),
        (to(&[]), vec![]),
    ] {
        store.share(&location, &readers, &alice).await.unwrap();
        let mut seen = facts(&store, &location, "alice").await.unwrap();
        let mut expected = expected;
        seen.readers.sort();
        expected.sort();
        assert_eq!((&seen.readers, seen.version), (&expected, version));
        assert_eq!(seen.writers, [uuid("carol")]);
        assert!(facts(&store, &location, "carol").await.unwrap().may_write);
    }

    let call = call.header("x-object-sharing", "read=*".parse().unwrap());
    assert_eq!(own.status(&call).await.unwrap(), StatusCode::ACCEPTED);
    store.share(&location, &to(&[]), &alice).await.unwrap();
    let seen = facts(&store, &location, "carol").await;
    assert!(matches!(seen, Err(StoreError::Forbidden)), "{seen:?}");
    let gone = place("alice", "images", "absent");
    let shared = store.share(&gone, &to(&[]), &alice).await;
    assert!(matches!(shared, Err(StoreError::NotFound)), "{shared:?}");
}

#[tokio::test]
async fn an_image_cannot_be_shared_with_more_than_a_header_holds() {
    let (store, location) = shared().await;
    let many = Readers {
        public: false,
        tenants: (0..300).map(|_| ImageId::generate().to_string()).collect(),
    };
    let shared = store.share(&location, &many, &caller("alice")).await;
    assert!(matches!(shared, Err(StoreError::Unsupported)), "{shared:?}");
}

#[tokio::test]
async fn a_folder_that_is_shared_is_no_sharing_of_the_object() {
    let store = open(&theirs());
    let own = account(&store, "alice");
    let folder = ImageId::generate().to_string();
    own.make_container("images").await.unwrap();
    let call = Call::object(Method::PUT, "images", &folder)
        .header("content-type", "application/directory".parse().unwrap())
        .header("x-object-sharing", "read=*".parse().unwrap());
    assert_eq!(own.status(&call).await.unwrap(), StatusCode::CREATED);
    put(&own, "images", &format!("{folder}/o"), b"x").await;
    let location = place("alice", "images", &format!("{folder}/o"));
    let seen = facts(&store, &location, "bob").await.unwrap();
    assert!(seen.readers.is_empty() && !seen.may_write, "{seen:?}");
}

#[tokio::test]
async fn our_token_is_for_our_container_only() {
    let store = open(&ours());
    let id = ImageId::generate();
    let location = store.add(&id, data(b"ours", None), &caller("bob")).await;
    let location = location.unwrap().location;
    let container = &store.inner.options.container;
    let expected = place("glance", container, id.as_str());
    assert_eq!(location, expected);
    for who in [caller("bob"), caller("dave"), nobody()] {
        let got = store.get(&location, None, &who).await.unwrap();
        assert_eq!(collect(got).await.unwrap(), b"ours");
    }
    // Somewhere else of ours, the caller has to be let in by Pithos.
    let name = ImageId::generate().to_string();
    put(&account(&store, "glance"), "other", &name, b"x").await;
    let other = place("glance", "other", &name);
    let seen = facts(&store, &other, "bob").await;
    assert!(matches!(seen, Err(StoreError::Forbidden)), "{seen:?}");
    // Where nobody asks, we do.
    assert!(store.stat(&other, &nobody()).await.is_ok());
    store.delete(&location, &nobody()).await.unwrap();
}

#[tokio::test]
async fn a_callers_image_is_in_the_callers_account() {
    let store = open(&theirs());
    let id = ImageId::generate();
    let added = store.add(&id, data(b"x", None), &caller("carol")).await;
    let container = &store.inner.options.container;
    let expected = place("carol", container, id.as_str());
    assert_eq!(added.unwrap().location, expected);
    let refused = add(&store, &id, data(b"x", None)).await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    assert!(!store.capabilities().list && store.capabilities().add);
}

#[tokio::test]
async fn tokens_that_ended_are_the_callers_trouble_or_ours() {
    let (store, location) = shared().await;
    for user in ["dave", "erin"] {
        let seen = facts(&store, &location, user).await;
        assert!(matches!(seen, Err(StoreError::Unauthorized)), "{seen:?}");
    }
    let config = PithosConfig {
        pithos_store_token: Some(Secret::new(token("dave"))),
        ..ours()
    };
    let store = open(&config);
    let error = add(&store, &ImageId::generate(), data(b"x", None)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)));
    let text = format!("{} {error:?} {store:?}", glance_config::chain(&error));
    assert!(text.contains("refuses pithos_store_token"), "{text}");
    assert!(!text.contains(&token("dave")), "{text}");
}

#[tokio::test]
async fn any_name_can_be_had() {
    let store = open(&theirs());
    let own = account(&store, "alice");
    for (container, name) in [
        ("images", "dir/κόσμος +%41?x#y;z.img"),
        ("κόσ μος", "a b"),
        ("100%", "%2F//x"),
    ] {
        put(&own, container, name, name.as_bytes()).await;
        let location = place("alice", container, name);
        let got = store.get(&location, None, &caller("alice")).await.unwrap();
        assert_eq!(collect(got).await.unwrap(), name.as_bytes(), "{name}");
    }
    // As users write it.
    let raw = format!(
        "pithos://{}/images/dir/κόσμος +%2541?x#y;z.img",
        uuid("alice")
    );
    let raw = LocationUrl::new(raw);
    assert!(facts(&store, &raw, "alice").await.is_ok());
}

#[tokio::test]
async fn bad_names_are_no_trouble_of_the_stores() {
    let store = open(&theirs());
    let long = "o".repeat(1_025);
    for (container, name) in [("images", long.as_str()), ("images", "a/../b"), ("..", "b")] {
        let seen = facts(&store, &place("alice", container, name), "alice").await;
        assert!(
            matches!(seen, Err(StoreError::BadLocation)),
            "{name}: {seen:?}"
        );
    }
    for (container, name) in [("images", ""), ("absent", "o")] {
        let seen = facts(&store, &place("alice", container, name), "alice").await;
        assert!(
            matches!(seen, Err(StoreError::NotFound)),
            "{name}: {seen:?}"
        );
    }
}
