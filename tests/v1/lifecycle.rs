//! An image's whole life: registered, uploaded, listed, shared, downloaded, deleted.

use functional::{Cloud, Identity, Request, md5_hex, patterned};
use serde_json::json;

#[test]
fn lives_from_upload_to_deletion() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let friend = cloud.newcomer();
    let data = patterned(3 * 1024 * 1024 + 17, 1);

    let request = owner
        .new_disk("disk")
        .header("x-image-meta-property-distro", "Debian")
        .data(data.clone());
    let answer = owner.send(request).expect(201);
    let image = answer.json()["image"].clone();
    let id = image["id"].as_str().unwrap();
    assert_eq!(image["status"], "active");
    assert_eq!(image["size"], data.len());
    assert_eq!(image["checksum"], md5_hex(&data));
    assert_eq!(image["owner"], owner.caller.tenant.as_str());
    assert_eq!(image["properties"], json!({"distro": "Debian"}));
    assert_eq!(image["is_public"], false);
    assert_eq!(answer.header("Etag"), Some(md5_hex(&data).as_str()));
    let location = answer.header("Location").unwrap();
    assert_eq!(
        location,
        format!("http://{}/v1/images/{id}", cloud.address())
    );

    assert_eq!(owner.list(""), [id]);
    assert!(friend.list("").is_empty());
    friend.show(id).expect(404);
    friend.download(id).expect(404);

    let member = format!("/v1/images/{id}/members/{}", friend.caller.tenant);
    owner.send(Request::put(&member)).expect(204);
    assert_eq!(friend.list(""), [id]);
    let shared = Request::get(format!("/v1/shared-images/{}", friend.caller.tenant));
    let expected = json!({"shared_images": [{"image_id": id, "can_share": false}]});
    assert_eq!(friend.send(shared).expect(200).json(), expected);
    let members = owner
        .send(Request::get(format!("/v1/images/{id}/members")))
        .expect(200)
        .json();
    let expected = json!({"members": [{"member_id": friend.caller.tenant, "can_share": false}]});
    assert_eq!(members, expected);

    let answer = friend.download(id).expect(200);
    assert!(answer.complete && answer.body == data);
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/octet-stream")
    );
    assert_eq!(answer.meta("Checksum"), md5_hex(&data));
    assert_eq!(answer.meta("Property-distro"), "Debian");

    owner.send(Request::delete(&member)).expect(204);
    friend.show(id).expect(404);
    owner.delete(id).expect(200);
    owner.show(id).expect(404);
    owner.delete(id).expect(404);
    assert!(owner.list("").is_empty());
}

#[test]
fn shows_in_headers_what_the_list_shows_in_json() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("same", b"12345");

    let detail = owner
        .send(Request::get("/v1/images/detail"))
        .expect(200)
        .json();
    let image = &detail["images"][0];
    let head = owner.show(&id).expect(200);
    for field in [
        "id",
        "name",
        "status",
        "checksum",
        "disk_format",
        "container_format",
        "owner",
    ] {
        assert_eq!(image[field], head.meta(field), "{field}");
    }
    assert_eq!(head.meta("size"), "5");
    assert_eq!(head.meta("is_public"), "False");
    assert!(head.header("X-Image-Meta-Location").is_none());
    assert!(image.get("location").is_none());
    assert_eq!(head.header("Content-Length"), Some("0"));
    assert!(
        head.header("X-Openstack-Request-Id")
            .unwrap()
            .starts_with("req-")
    );
}

#[test]
fn list_items_carry_their_uri() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("linked", b"12345");

    for path in ["/v1/images", "/v1/images/detail"] {
        let list = owner.send(Request::get(path)).expect(200).json();
        let uri = list["images"][0]["uri"].as_str().unwrap().to_owned();
        assert_eq!(uri, format!("http://{}/v1/images/{id}", cloud.address()));
    }
}

#[test]
fn keeps_the_id_the_client_chose_and_never_gives_it_again() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = format!("{:08x}-1111-4222-8333-444455556666", std::process::id());
    let create = || {
        owner.send(
            owner
                .new_disk("mine")
                .header("x-image-meta-id", &id)
                .data("12345"),
        )
    };

    assert_eq!(create().expect(201).json()["image"]["id"], id.as_str());
    create().expect(409);
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    owner.delete(&id).expect(200);
    create().expect(409);
}

#[test]
fn only_an_administrator_makes_an_image_public() {
    let cloud = Cloud::anywhere();
    let member = cloud.newcomer();
    let administrator = cloud.administrator();
    let public = |disk: Request| disk.header("x-image-meta-is_public", "True").data("12345");

    member.send(public(member.new_disk("public"))).expect(403);
    let answer = administrator
        .send(public(administrator.new_disk("public")))
        .expect(201);
    let id = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        cloud
            .images_of(&Identity::member())
            .download(&id)
            .expect(200)
            .body,
        b"12345"
    );
    member.delete(&id).expect(403);
    administrator.delete(&id).expect(200);
}

#[test]
fn protected_images_are_not_deleted() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let answer = owner.send(
        owner
            .new_disk("kept")
            .header("x-image-meta-protected", "True")
            .data("1"),
    );
    let id = answer.expect(201).json()["image"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    owner.delete(&id).expect(403);
    let unprotect =
        Request::put(format!("/v1/images/{id}")).header("x-image-meta-protected", "False");
    owner.send(unprotect).expect(200);
    owner.delete(&id).expect(200);
}
