//! The store with real servers, and with one that misbehaves.

mod conformance;
mod large;
mod stub;
mod tenants;
mod trouble;

use glance_config::{Secret, SwiftAuthVersion, SwiftConfig};
use hyper::StatusCode;

use super::account::{Account, Who};
use super::*;
use crate::conformance::services;

/// A container that no other test uses.
fn fresh(config: &mut SwiftConfig) {
    config.swift_store_container = format!("test_{}", names::new_mark());
    config.swift_store_create_container_on_put = true;
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

/// An account of Swift's own.
fn tempauth() -> SwiftConfig {
    let swift = services::swift();
    let mut config = SwiftConfig {
        swift_store_auth_address: Some(swift.get("SWIFT_AUTH_URL").to_owned()),
        swift_store_auth_version: SwiftAuthVersion::V1,
        swift_store_user: secret(swift.get("SWIFT_USER")),
        swift_store_key: secret(swift.get("SWIFT_KEY")),
        ..SwiftConfig::default()
    };
    fresh(&mut config);
    config
}

/// The service's account of Keystone's, which may change all accounts.
fn keystone() -> SwiftConfig {
    services::swift_with_keystone();
    let keystone = services::keystone();
    let user = format!(
        "{}:{}",
        keystone.get("KEYSTONE_SERVICE_PROJECT"),
        keystone.get("KEYSTONE_SERVICE_USER")
    );
    let mut config = SwiftConfig {
        swift_store_auth_address: Some(keystone.get("KEYSTONE_AUTH_URL").to_owned()),
        swift_store_auth_version: SwiftAuthVersion::V3,
        swift_store_user: secret(&user),
        swift_store_key: secret(keystone.get("KEYSTONE_SERVICE_PASSWORD")),
        ..SwiftConfig::default()
    };
    fresh(&mut config);
    config
}

fn open(config: &SwiftConfig) -> SwiftStore {
    SwiftStore::open(config, Md5Pool::new()).unwrap()
}

/// The same with sizes in bytes.
fn sized(config: &SwiftConfig, large: u64, segment: u64) -> SwiftStore {
    let mut options = Options::read(config).unwrap();
    (options.large, options.lengths.short) = (large, segment);
    let trust = Trust {
        ca_file: None,
        insecure: false,
        option: "swift_store_cacert",
    };
    let client = ServerClient::new(trust, config.timeout()).unwrap();
    SwiftStore::with(options, client, Md5Pool::new())
}

/// The store's own account, to look what lies in it.
fn account(store: &SwiftStore) -> Account {
    let own = store.inner.own().unwrap();
    store.inner.account(Who::Own(own))
}

/// The names in the container of a store.
async fn names_in(store: &SwiftStore) -> Vec<String> {
    let container = &store.inner.options.container;
    let page = account(store).page(container, "", "").await.unwrap();
    page.unwrap_or_default()
        .into_iter()
        .map(|entry| entry.name)
        .collect()
}

/// A tenant's token and catalogue, as a request brings them.
async fn tenant(user: &str, project: &str) -> Identity {
    services::swift_with_keystone();
    let keystone = services::keystone();
    let ask = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": user, "password": format!("{user}-secret"), "domain": {"id": "default"},
        }}},
        "scope": {"project": {"name": project, "domain": {"id": "default"}}},
    }});
    let trust = Trust {
        ca_file: None,
        insecure: false,
        option: "",
    };
    let client = ServerClient::new(trust, Duration::from_secs(60)).unwrap();
    let url = format!("{}/auth/tokens", keystone.get("KEYSTONE_AUTH_URL"));
    let request = hyper::Request::post(url)
        .header("content-type", "application/json")
        .body(crate::net::client::Outgoing::whole(vec![
            ask.to_string().into(),
        ]))
        .unwrap();
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let token = answer::header(&answer, "x-subject-token")
        .unwrap()
        .to_owned();
    let body = answer::body(answer, 1 << 20, Duration::from_secs(60)).await;
    let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    Identity {
        tenant: body["token"]["project"]["id"].as_str().map(str::to_owned),
        token: Some(glance_core::identity::Token::new(token)),
        service_catalog: Some(body["token"]["catalog"].to_string().into()),
        ..Identity::default()
    }
}
