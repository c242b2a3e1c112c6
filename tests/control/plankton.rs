//! `etc/plankton-api.conf`, as it ships: one file that makes both daemons Synnefo's image service.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use functional::{Cloud, Connection, Port, Request, Response, Setup, Synnefo, SynnefoUser};
use serde_json::json;

use crate::operator::{Outcome, clean_shell};

/// The shipped file, with this Synnefo's addresses and a place for the database.
fn configuration(cloud: &Cloud) -> PathBuf {
    let synnefo = Synnefo::shared();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/plankton-api.conf");
    let mut text = std::fs::read_to_string(shipped).unwrap();
    let database = cloud.database().connection();
    let places = [
        (
            "pithos_store_endpoint = https://pithos.example.org",
            format!("pithos_store_endpoint = http://{}", synnefo.pithos()),
        ),
        (
            "auth_url = https://accounts.example.org",
            format!("auth_url = http://{}", synnefo.astakos()),
        ),
        (
            "#connection = sqlite:////var/lib/glance/glance.sqlite",
            format!("connection = {database}"),
        ),
    ];
    for (shipped, ours) in places {
        assert_eq!(text.matches(shipped).count(), 1, "{shipped}");
        text = text.replace(shipped, &ours);
    }
    let path = cloud.path("plankton-api.conf");
    std::fs::write(&path, text).unwrap();
    path
}

fn send(address: &str, user: &SynnefoUser, request: Request) -> Response {
    let request = request.header("X-Auth-Token", &user.token);
    Connection::open(address)
        .unwrap()
        .exchange(&request)
        .unwrap()
}

/// alice registers an image, and bob sees it.
fn is_synnefos_image_service(address: &str) {
    let synnefo = Synnefo::shared();
    let (alice, bob) = (synnefo.user("alice"), synnefo.user("bob"));
    let object = format!("{}/control-{}/x", alice.uuid, std::process::id());
    let (container, _) = object.rsplit_once('/').unwrap();
    let made = synnefo.ask_pithos(&alice, "PUT", container, &[], b"");
    assert!(matches!(made.status, 201 | 202));
    synnefo
        .ask_pithos(&alice, "PUT", &object, &[], b"data")
        .expect(201);
    let request = Request::post("/image/v1.0/images/")
        .header("X-Image-Meta-Name", "x")
        .header("X-Image-Meta-Location", format!("pithos://{object}"))
        .header("X-Image-Meta-Is-Public", "true");
    let made = send(address, &alice, request).expect(200);
    let list = send(address, &bob, Request::get("/image/v1.0/images")).expect(200);
    assert_eq!(list.json()[0]["id"], json!(made.meta("Id")));
    let nobody = SynnefoUser {
        token: "nobody".to_owned(),
        ..bob
    };
    let refused = Request::get("/image/v1.0/images").header("X-Roles", "admin");
    send(address, &nobody, refused).expect(401);
}

/// `glance-control SERVER COMMAND FILE`, with these options of the daemon in the environment.
fn control(cloud: &Cloud, server: &str, command: &str, environment: &[(&str, &str)]) -> Outcome {
    let mut line = clean_shell("glance-control");
    line.envs(environment.iter().copied());
    line.arg("--run-dir").arg(cloud.path("run"));
    line.args([server, command])
        .arg(cloud.path("plankton-api.conf"));
    line.output().unwrap().into()
}

#[test]
fn one_file_is_enough_for_both() {
    let cloud = Setup::new().prepare();
    configuration(&cloud);
    let (api, registry) = (Port::take(), Port::take());
    let (api_port, registry_port) = (api.number.to_string(), registry.number.to_string());
    let of_registry = [("GLANCE_BIND_PORT", registry_port.as_str())];
    control(&cloud, "registry", "start", &of_registry).expect(0);
    let of_api = [
        ("GLANCE_BIND_PORT", api_port.as_str()),
        ("GLANCE_REGISTRY_PORT", registry_port.as_str()),
    ];
    control(&cloud, "api", "start", &of_api).expect(0);
    let told = std::panic::catch_unwind(|| is_synnefos_image_service(&api.address()));
    control(&cloud, "all", "stop", &[]).expect(0);
    told.unwrap();
}

#[test]
fn one_command_brings_it_up() {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    if !free(9191) || !free(9292) {
        println!("not told: this machine has a service of its own");
        return;
    }
    let cloud = Setup::new().prepare();
    configuration(&cloud);
    control(&cloud, "all", "start", &[]).expect(0);
    let told = std::panic::catch_unwind(|| is_synnefos_image_service("127.0.0.1:9292"));
    control(&cloud, "all", "status", &[]).expect(0);
    control(&cloud, "all", "stop", &[]).expect(0);
    told.unwrap();
}
