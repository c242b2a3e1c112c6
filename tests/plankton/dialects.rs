//! Both dialects over one registry, callers of both known by Astakos.

use functional::{Request, Synnefo, SynnefoUser};
use serde_json::Value;

use crate::story::{Story, array, fault, get, text};

fn begin() -> Story {
    let synnefo = Synnefo::shared();
    let secret = "the-api-makes-itself-known-by-this-one";
    let url = format!("http://{}/astakos/identity/v2.0", synnefo.astakos());
    let setup = synnefo
        .image_service()
        .api("dialects", "glance, plankton")
        .api_in("glance_store", "stores", "pithos, file")
        .api_in("glance_store", "default_store", "file")
        .both("paste_deploy", "flavor", "astakos")
        .api("send_identity_headers", "false")
        .both("astakos", "service_token", secret)
        .registry_in("astakos", "auth_url", &url);
    Story::with(setup)
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
    // Wrong bytes are never served: the object's are another image's data now, or none.
    story.upload(alice, "disk", b"other");
    let data = story.send(alice, Request::get(format!("/v1/images/{id}")));
    assert!(
        data.status != 200 || data.body == b"other",
        "{}",
        data.text()
    );
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
    let shown = story.show(bob, &id);
    assert!(matches!(shown.status, 404 | 405), "{}", shown.status);
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
