//! Who a caller is, by flavor.

use functional::{Cloud, Identity, Request, Response, Setup};

fn trusted(cloud: &Cloud, request: Request, tenant: &str, roles: &str) -> Response {
    cloud.send(
        request
            .header("X-Identity-Status", "Confirmed")
            .header("X-User-Id", "user")
            .header("X-Tenant-Id", tenant)
            .header("X-Roles", roles),
    )
}

#[test]
fn trusted_headers_are_believed() {
    let cloud = Setup::new()
        .both("paste_deploy", "flavor", "trusted-auth")
        .api("send_identity_headers", "True")
        .start();
    cloud.send(Request::get("/v1/images")).expect(401);
    let unconfirmed = Request::get("/v1/images").header("X-Tenant-Id", "a");
    cloud
        .send(unconfirmed.header("X-Identity-Status", "Invalid"))
        .expect(401);

    let post = || {
        Request::post("/v1/images")
            .raw_disk("trusted")
            .data("12345")
    };
    let image = trusted(&cloud, post(), "a", "member").expect(201).json()["image"].clone();
    assert_eq!(image["owner"], "a");
    let get = || Request::get(format!("/v1/images/{}", image["id"].as_str().unwrap()));
    assert_eq!(
        trusted(&cloud, get(), "a", "member").expect(200).body,
        b"12345"
    );
    trusted(&cloud, get(), "b", "member").expect(404);
    trusted(&cloud, get(), "b", "member,Admin").expect(200);
    let public = post().header("x-image-meta-is_public", "True");
    trusted(&cloud, public, "b", "admin").expect(201);
    cloud.stop();
}

#[test]
fn without_a_flavor_everybody_is_the_administrator() {
    let cloud = Setup::new().both("paste_deploy", "flavor", "").start();
    let image = cloud.send(Request::post("/v1/images").raw_disk("open").data("12345"));
    let image = image.expect(201).json()["image"].clone();
    assert_eq!(image["owner"], serde_json::Value::Null);
    let path = format!("/v1/images/{}", image["id"].as_str().unwrap());
    assert_eq!(cloud.send(Request::get(&path)).expect(200).body, b"12345");
    let all = cloud
        .send(Request::get("/v1/images?is_public=None"))
        .expect(200);
    assert_eq!(all.ids(), [image["id"].as_str().unwrap()]);
    cloud.send(Request::delete(&path)).expect(200);
    cloud.stop();
}

#[test]
fn fake_tokens_are_for_loopback_only() {
    let mut cloud = Setup::new().api("bind_host", "0.0.0.0").prepare();
    cloud.start_registry();
    let (conf, log) = (cloud.path("glance-api.conf"), cloud.path("glance-api.out"));
    let mut api = functional::Daemon::start("glance-api", &conf, &log, &[]);
    let status = api.wait(10);
    assert!(!status.success());
    assert!(api.log().contains("fakeauth"), "{}", api.log());
    cloud.take_registry().stop();
}

#[test]
fn tokens_that_are_none_are_refused() {
    let cloud = Setup::new().start();
    cloud.send(Request::get("/v1/images")).expect(401);
    for token in ["", "x", ":::", "a:b"] {
        let answer = cloud.send(Request::get("/v1/images").header("X-Auth-Token", token));
        assert!(
            matches!(answer.status, 200 | 401),
            "{token:?}: {}",
            answer.status
        );
        let create = Request::post("/v1/images")
            .raw_disk("x")
            .header("x-image-meta-is_public", "True");
        let answer = cloud.send(create.header("X-Auth-Token", token));
        assert!(
            matches!(answer.status, 401 | 403),
            "{token:?}: {}",
            answer.status
        );
    }
    cloud.stop();
}

#[test]
fn anonymous_readers_are_let_in_where_configured() {
    let cloud = Setup::new()
        .both("paste_deploy", "flavor", "trusted-auth")
        .both("DEFAULT", "allow_anonymous_access", "True")
        .api("send_identity_headers", "True")
        .start();
    let disk = || Request::post("/v1/images").raw_disk("seen").data("12345");
    let public = disk().header("x-image-meta-is_public", "True");
    let public = trusted(&cloud, public, "a", "admin").expect(201).json();
    let private = trusted(&cloud, disk(), "a", "admin").expect(201).json();
    let path = |image: &serde_json::Value| {
        format!("/v1/images/{}", image["image"]["id"].as_str().unwrap())
    };
    assert_eq!(
        cloud.send(Request::get(path(&public))).expect(200).body,
        b"12345"
    );
    cloud.send(Request::get(path(&private))).expect(404);
    cloud.send(disk()).expect(403);
    cloud.send(Request::delete(path(&public))).expect(403);
    cloud.stop();
}

#[test]
fn images_can_belong_to_users() {
    let cloud = Setup::new()
        .both("DEFAULT", "owner_is_tenant", "False")
        .start();
    let owner = Identity::member();
    let colleague = Identity {
        user: "colleague".to_owned(),
        ..owner.clone()
    };
    let id = cloud.images_of(&owner).create("mine", b"12345");
    cloud.images_of(&owner).show(&id).expect(200);
    cloud.images_of(&colleague).show(&id).expect(404);
    cloud.stop();
}
