//! Images in the tenants' own accounts.

use super::*;
use crate::conformance::{collect, data, nobody};

fn config(admins: &[&str]) -> SwiftConfig {
    SwiftConfig {
        swift_store_multi_tenant: true,
        swift_store_admin_tenants: admins.iter().map(|name| (*name).to_owned()).collect(),
        ..keystone()
    }
}

async fn read(store: &SwiftStore, location: &LocationUrl, who: &Identity) -> Option<Vec<u8>> {
    match store.get(location, None, who).await {
        Ok(got) => Some(collect(got).await.unwrap()),
        Err(StoreError::Forbidden) => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn others_read_what_is_shared_with_them() {
    let config = config(&[]);
    let store = open(&config);
    let (alice, bob) = (tenant("alice", "alpha").await, tenant("bob", "beta").await);
    let id = ImageId::generate();
    let added = store.add(&id, data(b"image", Some(5)), &alice).await;
    let location = added.unwrap().location;
    let account = format!("/v1/AUTH_{}/", alice.tenant.as_deref().unwrap());
    let place = format!("{account}{}_{id}/{id}", config.swift_store_container);
    assert!(location.expose().starts_with("swift+http://127.0.0.1:"));
    assert!(location.expose().ends_with(&place));
    assert_eq!(read(&store, &location, &alice).await.unwrap(), b"image");

    let tenants = |tenants: &[&Identity]| Readers {
        public: false,
        tenants: tenants
            .iter()
            .filter_map(|who| who.tenant.clone())
            .collect(),
    };
    let public = Readers {
        public: true,
        tenants: Vec::new(),
    };
    assert_eq!(read(&store, &location, &bob).await, None);
    for (readers, may) in [
        (tenants(&[&bob]), true),
        (tenants(&[]), false),
        (public, true),
        (tenants(&[&alice]), false),
    ] {
        store.share(&location, &readers, &alice).await.unwrap();
        assert_eq!(
            read(&store, &location, &bob).await.is_some(),
            may,
            "{readers:?}"
        );
        let deleted = store.delete(&location, &bob).await;
        assert!(matches!(deleted, Err(StoreError::Forbidden)), "{deleted:?}");
    }
    store.delete(&location, &alice).await.unwrap();
    let gone = store.share(&location, &Readers::default(), &alice).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn the_service_account_works_where_nobody_asks() {
    services::swift_with_keystone();
    let ours = services::keystone().get("KEYSTONE_PROJECT_SERVICE");
    let store = open(&config(&[ours]));
    let alice = tenant("alice", "alpha").await;
    let id = ImageId::generate();
    let added = store.add(&id, data(b"image", Some(5)), &alice).await;
    let location = added.unwrap().location;
    let deleted = store.delete(&location, &nobody()).await;
    assert!(matches!(deleted, Err(StoreError::Forbidden)), "{deleted:?}");
    // Here it is one of the operator's tenants; who may change every account needs no rule.
    let readers = Readers::default();
    store.share(&location, &readers, &alice).await.unwrap();
    store.delete(&location, &nobody()).await.unwrap();
    let got = store.stat(&location, &alice).await;
    assert!(matches!(got, Err(StoreError::NotFound)), "{got:?}");
    store.discard(&id, &alice).await.unwrap();
}

#[tokio::test]
async fn without_a_token_and_a_service_account_nothing_is_done() {
    let mut config = config(&[]);
    config.swift_store_user = None;
    let store = open(&config);
    let id = ImageId::generate();
    let added = store.add(&id, data(b"x", Some(1)), &nobody()).await;
    assert!(matches!(added, Err(StoreError::Forbidden)), "{added:?}");
    let location = LocationUrl::new("swift+http://127.0.0.1:1/v1/AUTH_x/glance_x/x");
    let deleted = store.delete(&location, &nobody()).await;
    assert!(matches!(deleted, Err(StoreError::Forbidden)), "{deleted:?}");
    let discarded = store.discard(&id, &nobody()).await;
    assert!(
        matches!(discarded, Err(StoreError::Forbidden)),
        "{discarded:?}"
    );
}

#[tokio::test]
async fn a_token_that_ended_is_the_callers_trouble() {
    let store = open(&config(&[]));
    let mut alice = tenant("alice", "alpha").await;
    alice.token = Some(glance_core::identity::Token::new("ended"));
    let id = ImageId::generate();
    let added = store.add(&id, data(b"x", Some(1)), &alice).await;
    assert!(matches!(added, Err(StoreError::Forbidden)), "{added:?}");
}
