//! Both dialects over one registry, callers of both known by Astakos.

use functional::{Request, Setup, Synnefo, SynnefoUser};
use serde_json::Value;

use crate::story::{Story, array, fault, get, text};

fn begin() -> Story {
    Story::with(both())
}

fn both() -> Setup {
    let synnefo = Synnefo::shared();
    let secret = "the-api-makes-itself-known-by-this-one";
    let url = format!("http://{}/astakos/identity/v2.0", synnefo.astakos());
    synnefo
        .image_service()
        .api("dialects", "glance, plankton")
        .api_in("glance_store", "stores", "pithos, file")
        .api_in("glance_store", "default_store", "file")
        .both("paste_deploy", "flavor", "astakos")
        .api("send_identity_headers", "false")
        .both("astakos", "service_token", secret)
        .registry_in("astakos", "auth_url", &url)
}

/// Glance's list.
#[track_caller]
fn glance(story: &Story, user: &SynnefoUser, query: &str) -> Vec<Value> {
    let request = Request::get(format!("/v1/images/detail{query}"));
    array(story.send(user, request).expect(200).json()["images"].clone())
}

#[test]
fn an_image_of_plankton_is_one_of_glance() {
    let story = begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let headers = [("X-Image-Meta-Property-OS", "debian")];
    let id = story.register_with(alice, "disk", b"12345", &headers);
    let listed = glance(&story, alice, "");
    assert_eq!(listed.len(), 1);
    let image = &listed[0];
    assert_eq!(image["id"], id);
    assert_eq!(image["name"], "disk");
    assert_eq!(image["status"], "active");
    assert_eq!(image["disk_format"], "raw");
    assert_eq!(image["container_format"], "bare");
    assert_eq!(image["size"], 5);
    assert_eq!(image["owner"], alice.uuid);
    assert_eq!(image["is_public"], false);
    assert_eq!(image["properties"]["os"], "debian");
    for (query, found) in [
        ("?disk_format=raw", 1),
        ("?status=active", 1),
        ("?size_min=6", 0),
        ("?name=disk", 1),
    ] {
        assert_eq!(glance(&story, alice, query).len(), found, "{query}");
    }
    let data = story.send(alice, Request::get(format!("/v1/images/{id}")));
    assert_eq!(data.expect(200).body, b"12345");
    assert!(glance(&story, bob, "").is_empty());
    story
        .send(bob, Request::head(format!("/v1/images/{id}")))
        .expect(404);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    let data = story.send(bob, Request::get(format!("/v1/images/{id}")));
    assert_eq!(data.expect(200).body, b"12345");
}

#[test]
fn glance_serves_no_bytes_but_those_it_describes() {
    let story = begin();
    let alice = &story.alice;
    let id = story.register(alice, "disk", b"12345");
    let data = || story.send(alice, Request::get(format!("/v1/images/{id}")));
    assert_eq!(data().expect(200).body, b"12345");
    story.upload(alice, "disk", b"other");
    // What the record describes is gone, and the record follows.
    data().expect(404);
    let after = data().expect(200);
    assert_eq!(after.body, b"other");
    let listed = glance(&story, alice, "");
    assert_eq!(
        listed[0]["checksum"],
        story.show(alice, &id).meta("Checksum")
    );
    story
        .pithos(alice, "DELETE", (alice, "disk"), &[])
        .expect(204);
    data().expect(404);
}

#[test]
fn formats_are_each_dialects_own() {
    let story = begin();
    let alice = &story.alice;
    let ids = |list: Vec<Value>| -> Vec<String> { list.iter().map(|it| text(&it["id"])).collect() };
    for (plankton, glances) in [
        ("diskdump", "raw"),
        ("extdump", "extdump"),
        ("ntfsdump", "ntfsdump"),
    ] {
        let headers = [("X-Image-Meta-Disk-Format", plankton)];
        let id = story.register_with(alice, plankton, b"data", &headers);
        let shown = story.send(alice, Request::head(format!("/v1/images/{id}")));
        assert_eq!(shown.expect(200).meta("Disk_format"), glances);
        let query = format!("?disk_format={glances}");
        assert_eq!(ids(glance(&story, alice, &query)), [id.as_str()]);
        let query = format!("?disk_format={plankton}");
        assert_eq!(story.names(alice, &query), [plankton]);
        story.unregister(alice, &id).expect(204);
    }
    for container in ["aki", "ari", "ami", "bare", "ovf"] {
        let headers = [("X-Image-Meta-Container-Format", container)];
        let id = story.register_with(alice, container, b"data", &headers);
        let shown = story.send(alice, Request::head(format!("/v1/images/{id}")));
        assert_eq!(shown.expect(200).meta("Container_format"), container);
        story.unregister(alice, &id).expect(204);
    }
    for (glances, container, plankton) in [
        ("raw", "bare", "diskdump"),
        ("qcow2", "ovf", "qcow2"),
        ("iso", "bare", "iso"),
        ("ami", "ami", "ami"),
    ] {
        let new = Request::post("/v1/images")
            .header("X-Image-Meta-Name", glances)
            .header("X-Image-Meta-Disk-Format", glances)
            .header("X-Image-Meta-Container-Format", container);
        let made = story.send(alice, new.data(b"data".as_slice())).expect(201);
        let id = text(&made.json()["image"]["id"]);
        let image = story.listed(alice, &id);
        assert_eq!(image["disk_format"], plankton);
        assert_eq!(image["container_format"], container);
        assert_eq!(story.show(alice, &id).meta("Disk-Format"), plankton);
        let query = format!("?disk_format={plankton}");
        assert_eq!(story.names(alice, &query), [glances]);
    }
    // The words of the one are none in the other.
    let raw = [("X-Image-Meta-Disk-Format", "raw")];
    let id = story.register(alice, "words", b"data");
    fault(story.update(alice, &id, &raw), 400);
    let new = Request::post("/v1/images")
        .header("X-Image-Meta-Name", "x")
        .header("X-Image-Meta-Disk-Format", "diskdump")
        .header("X-Image-Meta-Container-Format", "bare");
    story.send(alice, new).expect(400);
}

#[test]
fn the_policy_is_glances() {
    let mut cloud = both()
        .both("oslo_policy", "policy_file", "policy.json")
        .prepare();
    let rules = [
        "default",
        "get_images",
        "get_image",
        "add_image",
        "delete_image",
        "modify_image",
    ];
    let rules = rules.map(|rule| (rule.to_owned(), Value::from("!")));
    let rules = Value::Object(rules.into_iter().collect());
    std::fs::write(cloud.path("policy.json"), rules.to_string()).unwrap();
    cloud.start_registry();
    cloud.start_api();
    let story = Story::within(cloud);
    let alice = &story.alice;
    let glance = Request::get("/v1/images");
    story.send(alice, glance).expect(403);
    let id = story.register(alice, "disk", b"12345");
    assert_eq!(story.names(alice, ""), ["disk"]);
    let rename = [("X-Image-Meta-Name", "other")];
    story.update(alice, &id, &rename).expect(200);
    story.add_member(alice, &id, &story.bob.uuid).expect(204);
    story.unregister(alice, &id).expect(204);
}

#[test]
fn each_has_its_own_addresses() {
    let story = begin();
    let alice = &story.alice;
    story.register(alice, "x", b"data");
    for path in ["/image/v1.0/images/", "/image/v1/images"] {
        let list = story.send(alice, Request::get(path)).expect(200).json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{path}");
    }
    for path in ["/v1/images", "/v1.0/images"] {
        let list = story.send(alice, Request::get(path)).expect(200).json();
        assert_eq!(list["images"].as_array().unwrap().len(), 1, "{path}");
    }
    // The root is Glance's.
    let versions = story.cloud.send(Request::get("/")).expect(300).json();
    assert!(versions["versions"].as_array().unwrap().len() > 1);
    let versions = story.cloud.send(Request::get("/image/")).expect(200).json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 1);
    fault(story.send(alice, Request::get("/image/v2/images")), 404);
}

#[test]
fn an_image_of_glance_is_one_of_plankton() {
    let story = begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let request = Request::post("/v1/images")
        .raw_disk("glanced")
        .data(b"12345".as_slice());
    let made = story.send(alice, request).expect(201).json();
    let id = text(&made["image"]["id"]);
    assert_eq!(text(&made["image"]["owner"]), alice.uuid);
    let image = story.listed(alice, &id);
    assert_eq!(image["name"], "glanced");
    assert_eq!(image["status"], "available");
    assert_eq!(image["disk_format"], "diskdump");
    assert_eq!(image["size"], 5);
    assert_eq!(story.names(alice, "?disk_format=diskdump"), ["glanced"]);
    let shown = story.show(alice, &id).expect(200);
    assert_eq!(shown.meta("Status"), "available");
    assert_eq!(shown.meta("Owner"), alice.uuid);
    assert!(story.names(bob, "").is_empty());
    story.show(bob, &id).expect(405);
    // A queued one is none yet.
    let queued = Request::post("/v1/images").raw_disk("queued");
    story.send(alice, queued).expect(201);
    let names = story.names(alice, "?status=available");
    assert_eq!(names, ["glanced"]);
}

#[test]
fn deleting_it_in_glance_leaves_the_object() {
    let story = begin();
    let alice = &story.alice;
    let id = story.register(alice, "disk", b"12345");
    story
        .send(alice, Request::delete(format!("/v1/images/{id}")))
        .expect(200);
    story.show(alice, &id).expect(404);
    let object = story.pithos(alice, "GET", (alice, "disk"), &[]).expect(200);
    assert_eq!(object.body, b"12345");
    let again = story
        .send(alice, story.registration(alice, "again", "disk"))
        .expect(200);
    assert_eq!(again.meta("Id"), id);
}

#[test]
fn both_know_callers_by_astakos_only() {
    let story = begin();
    let (alice, service) = (&story.alice, "the-api-makes-itself-known-by-this-one");
    let glance = |token: &str| {
        let request = Request::get("/v1/images").header("X-Auth-Token", token);
        story.cloud.send(request).status
    };
    assert_eq!(glance(&alice.token), 200);
    assert_eq!(glance("bad"), 401);
    assert_eq!(glance(""), 401);
    assert_eq!(glance(&story.synnefo.user("dave").token), 401);
    // That one is for the daemons; no user of Synnefo's has it.
    let answer = get("/images/").header("X-Auth-Token", service);
    fault(story.cloud.send(answer), 401);
}
