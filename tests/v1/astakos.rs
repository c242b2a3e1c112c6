//! Flavor `astakos`: Glance mode for the users of Synnefo.

use functional::{
    FaultProxy, Request, Response, Setup, Synnefo, SynnefoUser, When, eventually, patterned,
};
use serde_json::Value;

/// By which the daemons know each other.
const SERVICE_TOKEN: &str = "the-api-makes-itself-known-by-this-one";

/// Both daemons know callers by the Astakos at `address`.
fn setup(address: &str) -> Setup {
    Setup::new()
        .both("paste_deploy", "flavor", "astakos")
        .both(
            "astakos",
            "auth_url",
            &format!("http://{address}/astakos/identity/v2.0"),
        )
        .both("astakos", "service_token", SERVICE_TOKEN)
        .both("astakos", "retries", "0")
}

fn by(user: &SynnefoUser, request: Request) -> Request {
    request.header("X-Auth-Token", &user.token)
}

fn ids(answer: Response) -> Vec<String> {
    answer.expect(200).ids()
}

fn list() -> Request {
    Request::get("/v1/images")
}

fn new_disk(user: &SynnefoUser, name: &str) -> Request {
    by(user, Request::post("/v1/images").raw_disk(name))
}

#[test]
fn images_belong_to_the_uuid_of_their_user() {
    let synnefo = Synnefo::shared();
    let mut cloud = setup(&synnefo.astakos()).start();
    let (alice, bob) = (synnefo.user("alice"), synnefo.user("bob"));
    let data = patterned(100_000, 1);
    let made = cloud
        .send(new_disk(&alice, "hers").data(data.clone()))
        .expect(201);
    let image = made.json()["image"].clone();
    assert_eq!(image["owner"], Value::from(alice.uuid.as_str()));
    assert_eq!(image["status"], "active");
    let id = image["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/images/{id}");
    assert!(cloud.send(by(&alice, Request::get(&path))).expect(200).body == data);
    assert_eq!(ids(cloud.send(by(&alice, list()))), [id.as_str()]);
    assert!(ids(cloud.send(by(&bob, list()))).is_empty());
    cloud.send(by(&bob, Request::get(&path))).expect(404);
    let share = Request::put(format!("{path}/members/{}", bob.uuid));
    cloud.send(by(&alice, share)).expect(204);
    assert!(cloud.send(by(&bob, Request::get(&path))).expect(200).body == data);
    cloud.send(by(&bob, Request::delete(&path))).expect(403);
    cloud.send(by(&alice, Request::delete(&path))).expect(200);
    let logs = cloud.logs();
    for secret in [alice.token.as_str(), &bob.token, SERVICE_TOKEN] {
        assert!(!logs.contains(secret), "{logs}");
    }
    assert!(cloud.api().log().contains("/v1/images"));
}

#[test]
fn nobody_else_is_let_in() {
    let synnefo = Synnefo::shared();
    let cloud = setup(&synnefo.astakos()).start();
    for token in [
        synnefo.user("dave").token,
        synnefo.user("erin").token,
        synnefo.component_token(),
        "bad".to_owned(),
        String::new(),
    ] {
        let request = list()
            .header("X-Auth-Token", token)
            .header("X-Identity-Status", "Confirmed")
            .header("X-User-Id", "root")
            .header("X-Tenant-Id", "root")
            .header("X-Roles", "admin");
        cloud.send(request).expect(401);
    }
    cloud.send(list()).expect(401);
}

#[test]
fn administrators_are_those_who_are_named() {
    let synnefo = Synnefo::shared();
    let (alice, bob) = (synnefo.user("alice"), synnefo.user("bob"));
    let setup = setup(&synnefo.astakos()).both("astakos", "admin_users", &bob.uuid);
    let cloud = setup.start();
    let made = cloud.send(new_disk(&alice, "hers").data(b"1".as_slice()));
    let id = made.expect(201).json()["image"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/images/{id}");
    cloud.send(by(&bob, Request::head(&path))).expect(200);
    cloud.send(by(&bob, Request::delete(&path))).expect(200);
}

#[test]
fn an_interrupted_upload_is_recovered_by_the_daemons_own_token() {
    let synnefo = Synnefo::shared();
    let setup = setup(&synnefo.astakos()).api_in("service", "lease_seconds", "2");
    let mut cloud = setup.start();
    let alice = synnefo.user("alice");
    let mut upload = cloud.connect();
    let head = new_disk(&alice, "cut")
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "1000000");
    upload.send_head(&head).unwrap();
    let saving = || by(&alice, Request::get("/v1/images/detail?status=saving"));
    eventually("it is saving", 20, || !ids(cloud.send(saving())).is_empty());
    cloud.take_api().kill();
    cloud.start_api();
    eventually("it is killed", 60, || ids(cloud.send(saving())).is_empty());
    assert!(!cloud.logs().contains("refuses this daemon's own calls"));
}

#[test]
fn while_astakos_is_down_known_tokens_go_on() {
    let synnefo = Synnefo::shared();
    let astakos = FaultProxy::before(&synnefo.astakos());
    let cloud = setup(&astakos.address()).start();
    let (alice, bob) = (synnefo.user("alice"), synnefo.user("bob"));
    for _ in 0..5 {
        cloud.send(by(&alice, list())).expect(200);
    }
    // Each daemon asks for itself, once.
    let asked = When::asked("POST", "/astakos/identity/v2.0/tokens");
    assert_eq!(astakos.count(&asked), 2);
    astakos.refuse();
    cloud.send(by(&alice, list())).expect(200);
    let unknown = cloud.send(by(&bob, list())).expect(503);
    assert!(unknown.header("Retry-After").is_some());
    cloud.send(list()).expect(401);
    astakos.accept();
    eventually("Astakos is back", 20, || {
        cloud.send(by(&bob, list())).status == 200
    });
}
