//! What version 1 decides before it asks the registry: there is none in these tests, so whatever
//! gets as far as the registry is answered 503.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use glance_api::app::{AppState, app};
use glance_api::connection::{Options, serve};
use glance_api::service::{ImageService, Leases};
use glance_config::rules::LiveRules;
use glance_config::{ApiConfig, AuthFlavor};
use glance_registry_client::{
    Address, Forwarding, Options as RegistryOptions, Registries, RegistryClient,
};
use glance_store::stores::Stores;
use tokio::sync::watch;

const TOKEN: &str = "X-Auth-Token: u1:t1:member\r\n";
const IMAGE: &str = "x-image-meta-disk-format: raw\r\nx-image-meta-container_format: bare\r\n\
                     Content-Type: application/octet-stream\r\n";

/// The address of a server that all tests share.
fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| {
        let mut config = ApiConfig::default();
        config.paste_deploy.flavor.auth = AuthFlavor::FakeAuth;
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("v1_edge");
        config.store.filesystem_store_datadir = Some(directory.clone());
        let auth = AuthFlavor::FakeAuth;
        let (access, keystone) = (&config.access, &config.keystone_authtoken);
        let astakos = &config.astakos;
        let authenticator = glance_auth::from_config(auth, access, keystone, astakos, "127.0.0.1");
        let authenticator = authenticator.unwrap();
        let rules = Arc::new(LiveRules::load(&config, &directory).unwrap());
        let stores = Arc::new(Stores::open(&config).unwrap());
        let (publish, current) = watch::channel(Arc::new(config));
        let leases = Leases::new("test".to_owned(), Duration::from_secs(30), 1);
        let registry = RegistryOptions {
            registries: Arc::new(Registries::new(vec![Address::Url(
                "http://127.0.0.1:1".to_owned(),
            )])),
            tls: glance_net::tls::no_trust().unwrap(),
            secret: None,
            timeout: None,
            forwarding: Forwarding {
                user_token: true,
                identity_headers: false,
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let _publish = publish;
                let factory = move || {
                    let client = RegistryClient::new(&registry);
                    let (stores, leases) = (stores.clone(), leases.clone());
                    let service = ImageService::new(client, stores, leases, None, current.clone());
                    app(AppState::new(service, authenticator.clone(), rules.clone()))
                };
                serve(listener, Options::default(), factory).unwrap().await
            })
        });
        address
    })
}

/// Sends a request and gives the answer up to the end of the connection.
fn exchange(line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n{body}");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn asked(line: &str, headers: &str) -> String {
    exchange(line, &format!("{TOKEN}{headers}"), "")
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().unwrap()
}

#[test]
fn asks_for_credentials_before_it_looks_for_the_resource() {
    for line in ["GET /v1/images", "FOO /v1/nope", "GET /images", "GET /v1"] {
        let answer = exchange(line, "", "");
        assert_eq!(status(&answer), 401, "{line}");
        assert!(
            !answer.contains("X-Openstack-Request-Id"),
            "{line}: {answer}"
        );
    }
    assert_eq!(status(&exchange("GET /v3/images", "", "")), 300);
    assert_eq!(status(&exchange("OPTIONS /v1/images", "", "")), 200);
}

#[test]
fn names_the_methods_that_there_are() {
    for (line, expected, allow) in [
        ("PUT /v1/images", 405, Some("GET, POST")),
        ("HEAD /v1/images", 405, Some("GET, POST")),
        ("HEAD /v1/images/detail", 405, Some("GET")),
        ("POST /v1/images/detail", 405, Some("GET, HEAD")),
        ("FOO /v1/images/x", 405, Some("GET, HEAD, PUT, DELETE")),
        ("DELETE /v1/images/x/members", 405, Some("GET, PUT")),
        ("GET /v1/images/x/members/t2", 405, None),
        (
            "POST /v1/images/x/members/t2",
            405,
            Some("GET, PUT, DELETE"),
        ),
        ("PATCH /v1/nope", 404, None),
        ("FOO /v1/nope", 501, None),
        ("GET /v1/images/", 404, None),
        ("GET /v1/images/a%2Fb", 404, None),
        ("GET /v1/images.json", 404, None),
    ] {
        let answer = asked(line, "");
        assert_eq!(status(&answer), expected, "{line}");
        let named = answer
            .lines()
            .find_map(|header| header.strip_prefix("Allow: "));
        assert_eq!(named, allow, "{line}");
        assert!(answer.contains("\r\nX-Openstack-Request-Id: req-"));
    }
}

#[test]
fn refuses_bad_images_before_their_data_travels() {
    let long = "n".repeat(256);
    for (headers, text) in [
        (
            "x-image-meta-disk_format: bad\r\n".to_owned(),
            "Invalid disk format 'bad' for image.",
        ),
        (
            "x-image-meta-foo: 1\r\n".to_owned(),
            "Bad header: x-image-meta-foo",
        ),
        (
            "x-image-meta-size: -1\r\n".to_owned(),
            "Cannot be a negative value.",
        ),
        (
            format!("x-image-meta-name: {long}\r\n"),
            "Image name too long: 256",
        ),
        (
            "x-image-meta-deleted: True\r\n".to_owned(),
            "cannot be deleted already",
        ),
        (
            "x-image-meta-location: http://x/\r\n".to_owned(),
            "multiple image sources",
        ),
        (
            "x-image-meta-store: nope\r\n".to_owned(),
            "Required store nope is invalid",
        ),
    ] {
        let image = match headers.contains("disk_format") {
            true => "Content-Type: application/octet-stream\r\n",
            false => IMAGE,
        };
        let headers =
            format!("{image}{headers}Expect: 100-continue\r\nContent-Length: 9999999\r\n");
        let answer = asked("POST /v1/images", &headers);
        assert_eq!(status(&answer), 400, "{headers}: {answer}");
        assert!(answer.contains(text), "{headers}: {answer}");
    }
}

#[test]
fn refuses_the_wrong_type_and_what_is_over_the_cap() {
    let kind = IMAGE.replace("octet-stream", "Octet-Stream");
    let answer = asked("POST /v1/images", &format!("{kind}Content-Length: 5\r\n"));
    assert!(
        answer.contains("Content-Type must be application/octet-stream"),
        "{answer}"
    );
    let answer = asked(
        "POST /v1/images",
        &format!("{IMAGE}Content-Length: 1099511627777\r\n"),
    );
    assert_eq!(status(&answer), 400);
    assert!(
        answer.contains("larger than 1099511627776 bytes."),
        "{answer}"
    );
}

#[test]
fn refuses_what_the_policy_keeps_for_administrators() {
    let public = "x-image-meta-is-public: True\r\n";
    assert_eq!(status(&asked("POST /v1/images", public)), 403);
    let admin = format!("X-Auth-Token: a:t:admin\r\n{public}");
    assert_eq!(status(&exchange("POST /v1/images", &admin, "")), 503);
}

#[test]
fn says_503_and_when_to_come_back_while_the_registry_is_away() {
    for line in [
        "GET /v1/images",
        "GET /v1/images/detail",
        "GET /v1/images/x",
        "DELETE /v1/images/x",
        "POST /v1/images",
        "PUT /v1/images/x/members/t2",
        "GET /v1/shared-images/t1",
    ] {
        let answer = asked(line, "");
        assert_eq!(status(&answer), 503, "{line}");
        assert!(answer.contains("\r\nRetry-After: "), "{line}");
    }
    // Nothing of the data was read: the client was never told to send it.
    let headers = format!("{IMAGE}Expect: 100-continue\r\nContent-Length: 9999999\r\n");
    assert_eq!(status(&asked("POST /v1/images", &headers)), 503);
}

#[test]
fn takes_bodies_only_where_they_belong() {
    let get = |body: &str| {
        let headers = format!("{TOKEN}Content-Length: {}\r\n", body.len());
        exchange("GET /v1/images", &headers, body)
    };
    assert!(get("x").contains("Malformed JSON in request body."));
    assert!(get("1").contains("Unexpected body type. Expected list/dict."));
    assert_eq!(status(&get("{}")), 400);
    let long = asked("PUT /v1/images/x/members/t2", "Content-Length: 1048577\r\n");
    assert_eq!(status(&long), 413);
}

#[test]
fn updates_by_header_where_the_seed_documents_do() {
    assert_eq!(status(&asked("PUT /images", "")), 405);
    assert_eq!(status(&asked("PUT /images", "x-image-meta-id: x\r\n")), 503);
}

#[test]
fn keeps_the_request_id_and_answers_in_the_form_that_was_asked_for() {
    let headers = "X-Openstack-Request-Id: mine\r\nAccept: application/json\r\n";
    let answer = asked("GET /v1/nope", headers);
    assert!(
        answer.contains("\r\nX-Openstack-Request-Id: req-mine\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nContent-Type: application/json\r\n"),
        "{answer}"
    );
    assert!(answer.contains(r#""code": "404 Not Found""#), "{answer}");
}

#[test]
fn is_healthy() {
    assert!(exchange("GET /healthcheck", "", "").ends_with("\r\n\r\nOK"));
    assert_eq!(status(&exchange("HEAD /healthcheck", "", "")), 204);
}
