//! `Expect: 100-continue`: what will be refused is refused before the body travels.

use functional::{Cloud, Identity, Request};

fn announced(request: Request, length: u64) -> Request {
    request
        .header("Expect", "100-continue")
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", length.to_string())
}

#[track_caller]
fn refused_at_once(cloud: &Cloud, request: Request, status: u16) {
    let mut connection = cloud.connect();
    connection.send_head(&request).unwrap();
    let answer = connection.response_head().unwrap();
    assert_eq!(answer.status, status, "{}", answer.reason);
}

#[test]
fn invites_a_body_that_will_be_taken() {
    let cloud = Cloud::anywhere();
    let caller = Identity::member();
    let mut connection = cloud.connect();
    let request = announced(
        Request::post("/v1/images").raw_disk("polite").by(&caller),
        5,
    );
    connection.send_head(&request).unwrap();
    assert_eq!(connection.response_head().unwrap().status, 100);
    connection.write(b"12345").unwrap();
    let image = connection.response(false).unwrap().expect(201).json();
    assert_eq!(image["image"]["size"], 5);
}

#[test]
fn refuses_before_the_body_travels() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let caller = &owner.caller;
    let disk = || Request::post("/v1/images").raw_disk("refused");

    refused_at_once(&cloud, announced(disk(), 5), 401);
    refused_at_once(
        &cloud,
        announced(disk().by(caller).header("x-image-meta-foo", "1"), 5),
        400,
    );
    let wrong = Request::post("/v1/images")
        .by(caller)
        .header("x-image-meta-disk_format", "bad");
    refused_at_once(&cloud, announced(wrong, 5), 400);
    refused_at_once(&cloud, announced(disk().by(caller), 1 << 50), 400);
    let public = disk().by(caller).header("x-image-meta-is_public", "True");
    refused_at_once(&cloud, announced(public, 5), 403);
    let active = owner.create("active", b"12345");
    let put = |id: &str| Request::put(format!("/v1/images/{id}")).by(caller);
    refused_at_once(&cloud, announced(put(&active), 5), 409);
    let nobody = "00000000-0000-4000-8000-000000000000";
    refused_at_once(&cloud, announced(put(nobody), 5), 404);
    let taken = disk().by(caller).header("x-image-meta-id", &active);
    refused_at_once(&cloud, announced(taken, 5), 409);

    assert_eq!(owner.list(""), [active]);
}
