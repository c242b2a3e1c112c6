//! The paths without a version, as the administration manual writes them.

use functional::{Cloud, Request};

#[test]
fn serves_the_whole_api() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let answer = owner
        .send(Request::post("/images").raw_disk("old").data("12345"))
        .expect(201);
    let id = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    let image = format!("/images/{id}");

    assert_eq!(
        owner.send(Request::get("/images")).expect(200).ids(),
        [id.as_str()]
    );
    assert_eq!(
        owner.send(Request::get("/images/detail")).expect(200).ids(),
        [id.as_str()]
    );
    assert_eq!(
        owner.send(Request::head(&image)).expect(200).meta("Name"),
        "old"
    );
    assert_eq!(owner.send(Request::get(&image)).expect(200).body, b"12345");
    owner
        .send(Request::put(&image).header("x-image-meta-name", "new"))
        .expect(200);
    let member = format!("{image}/members/tenant-2");
    owner.send(Request::put(&member)).expect(204);
    let members = owner
        .send(Request::get(format!("{image}/members")))
        .expect(200)
        .json();
    assert_eq!(members["members"][0]["member_id"], "tenant-2");
    let shared = owner
        .send(Request::get("/shared-images/tenant-2"))
        .expect(200)
        .json();
    assert_eq!(shared["shared_images"][0]["image_id"], id.as_str());
    owner.send(Request::delete(&member)).expect(204);
    owner.send(Request::delete(&image)).expect(200);
}

#[test]
fn a_put_to_the_collection_updates_the_image_it_names() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("before", b"12345");
    for path in ["/images", "/v1/images"] {
        let request = Request::put(path).header("x-image-meta-id", &id);
        let image = owner
            .send(request.header("x-image-meta-name", path))
            .expect(200)
            .json();
        assert_eq!(image["image"]["name"], path);

        let nameless = owner
            .send(Request::put(path).header("x-image-meta-name", "x"))
            .expect(405);
        assert!(nameless.header("Allow").unwrap().contains("GET"));
    }
}

#[test]
fn every_name_of_the_version_is_the_same_api() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("same", b"12345");
    for version in ["/v1", "/v1.0", "/v1.1", ""] {
        let answer = owner
            .send(Request::get(format!("{version}/images/{id}")))
            .expect(200);
        assert_eq!(answer.body, b"12345", "{version}");
    }
}

#[test]
fn other_paths_answer_with_the_versions() {
    let cloud = Cloud::anywhere();
    for (path, status) in [
        ("/", 300),
        ("/v3/images", 300),
        ("/V1/images", 300),
        ("/versions", 200),
    ] {
        let versions = cloud.send(Request::get(path)).expect(status).json();
        let versions = versions["versions"].as_array().unwrap();
        assert!(
            versions.iter().any(|version| version["id"] == "v1.1"),
            "{path}"
        );
    }
}
