//! Data that is not what was announced kills the image and is not kept.

use functional::{Request, Setup, md5_hex};

#[test]
fn a_wrong_size_kills() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    for (declared, chunked) in [("4", true), ("6", true), ("4", false), ("6", false)] {
        let id = reserve_with(&owner, "x-image-meta-size", declared);
        let put = Request::put(format!("/v1/images/{id}"));
        let put = if chunked {
            put.chunked("12345", 2)
        } else {
            put.data("12345")
        };
        let answer = owner.send(put).expect(400);
        assert!(answer.text().contains("did not match"), "{}", answer.text());
        assert_eq!(owner.status(&id), "killed");
        owner.upload(&id, b"12345").expect(409);
    }
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn a_wrong_checksum_kills() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = reserve_with(&owner, "x-image-meta-checksum", &md5_hex(b"other"));
    let answer = owner.upload(&id, b"12345").expect(400);
    assert!(answer.text().contains("checksum"), "{}", answer.text());
    assert_eq!(owner.status(&id), "killed");
    owner.download(&id).expect(404);
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn right_ones_are_taken() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let request = owner
        .new_disk("right")
        .header("x-image-meta-size", "5")
        .header("x-image-meta-checksum", md5_hex(b"12345"));
    owner.send(request.data("12345")).expect(201);
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn data_of_another_content_type_is_refused_and_not_kept() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let request = owner
        .new_disk("typed")
        .header("Content-Type", "text/plain")
        .body("12345");
    owner.send(request).expect(400);
    cloud.nothing_is_stored();
    assert!(owner.list("").is_empty());
    cloud.stop();
}

fn reserve_with(owner: &functional::Images<'_>, header: &str, value: &str) -> String {
    let answer = owner
        .send(owner.new_disk("declared").header(header, value))
        .expect(201);
    answer.json()["image"]["id"].as_str().unwrap().to_owned()
}
