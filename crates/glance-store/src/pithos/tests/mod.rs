//! The store with a Pithos of tests (see tests/synnefo), as it is and with trouble on the way.

mod conformance;
mod proxy;
mod rights;
mod trouble;
mod upload;

use glance_config::{PithosConfig, Secret};
use glance_core::identity::Token;
use glance_core::pithos::PithosLocation;
use hyper::{Method, StatusCode};

use super::account::Account;
use super::*;
use crate::conformance::services;
use crate::net::call::{Call, octets};

/// Bytes of a block there.
const BLOCK: usize = 4 << 20;

/// What the server tells of a user: `glance`, `alice`, …
fn uuid(user: &str) -> String {
    let name = format!("SYNNEFO_UUID_{}", user.to_uppercase());
    services::synnefo().get(&name).to_owned()
}

fn token(user: &str) -> String {
    let name = format!("SYNNEFO_TOKEN_{}", user.to_uppercase());
    services::synnefo().get(&name).to_owned()
}

/// A user as a request with the token brings him.
fn caller(user: &str) -> Identity {
    Identity {
        user: Some(uuid(user)),
        tenant: Some(uuid(user)),
        token: Some(Token::new(token(user))),
        ..Identity::default()
    }
}

/// For the callers' own accounts, in a container that no other test uses.
fn theirs() -> PithosConfig {
    PithosConfig {
        pithos_store_endpoint: Some(services::synnefo().get("PITHOS_URL").to_owned()),
        pithos_store_container: format!("test {}", ImageId::generate()),
        ..PithosConfig::default()
    }
}

/// For our own account.
fn ours() -> PithosConfig {
    PithosConfig {
        pithos_store_account: Some(uuid("glance")),
        pithos_store_token: Some(Secret::new(token("glance"))),
        ..theirs()
    }
}

/// The same by way of another address.
fn by_way_of(url: &str, config: PithosConfig) -> PithosConfig {
    PithosConfig {
        pithos_store_endpoint: Some(url.to_owned()),
        ..config
    }
}

fn open(config: &PithosConfig) -> PithosStore {
    PithosStore::open(config).unwrap()
}

/// An account to meddle with beside the store.
fn account(store: &PithosStore, user: &str) -> Account {
    let location = PithosLocation {
        account: uuid(user),
        container: "c".to_owned(),
        object: "o".to_owned(),
    };
    store.inner.find(&location.url(), &caller(user)).unwrap().0
}

fn place(user: &str, container: &str, object: &str) -> LocationUrl {
    let place = PithosLocation {
        account: uuid(user),
        container: container.to_owned(),
        object: object.to_owned(),
    };
    place.url()
}

/// Puts an object as its owner does with other clients.
async fn put(account: &Account, container: &str, object: &str, data: &[u8]) {
    account.make_container(container).await.unwrap();
    let call = Call::object(Method::PUT, container, object)
        .header("content-type", octets())
        .body(vec![data.to_vec().into()]);
    let status = account.status(&call).await.unwrap();
    assert_eq!(status, StatusCode::CREATED);
}
