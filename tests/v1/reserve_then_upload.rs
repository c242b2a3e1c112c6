//! An image is registered by its metadata, and its data comes later.

use functional::{Cloud, Request, md5_hex};

#[test]
fn becomes_active_when_its_data_comes() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.reserve("later");
    assert_eq!(owner.status(&id), "queued");
    owner.download(&id).expect(404);

    let answer = owner.upload(&id, b"the data").expect(200);
    assert_eq!(answer.json()["image"]["status"], "active");
    assert_eq!(answer.header("Etag"), Some(md5_hex(b"the data").as_str()));
    assert_eq!(owner.download(&id).expect(200).body, b"the data");
}

#[test]
fn takes_data_only_once() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("once", b"first");

    owner.upload(&id, b"second").expect(409);
    assert_eq!(owner.download(&id).expect(200).body, b"first");
}

#[test]
fn an_image_declared_empty_is_active_at_once() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let answer = owner
        .send(owner.new_disk("empty").header("x-image-meta-size", "0"))
        .expect(201);
    let image = answer.json()["image"].clone();

    assert_eq!(image["status"], "active");
    assert!(
        owner
            .download(image["id"].as_str().unwrap())
            .expect(200)
            .body
            .is_empty()
    );
}

#[test]
fn metadata_may_change_while_it_waits() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.reserve("before");
    let rename = Request::put(format!("/v1/images/{id}")).header("x-image-meta-name", "after");
    owner.send(rename).expect(200);

    owner.upload(&id, b"12345").expect(200);
    assert_eq!(owner.show(&id).meta("Name"), "after");
}
