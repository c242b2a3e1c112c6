//! Whatever is sent, nothing is answered 500: what is wrong is told, and the service goes on.

use functional::Request;

use crate::story::{NOBODYS, PREFIX, Story, fault, get};

#[test]
fn odd_queries_are_told_or_mean_nothing() {
    let story = Story::begin();
    story.register(&story.alice, "x", b"data");
    for query in [
        "name=%ff",
        "name=%00",
        "name",
        "=",
        "&&&",
        "%ff=%ff",
        "size_min=99999999999999999999999",
        "size_max=-99999999999999999999999",
        "size_min=%2B1",
        "size_min=-1",
        "size_min=0x10",
        "size_min=1&size_min=abc",
        "sort_key=%00",
        "sort_dir=asc%20",
        "status=%F0%9F%90%A7",
        "disk_format=qcow2",
        "format=xml",
        "format=%ff",
        "X-Auth-Token",
    ] {
        for path in ["/images/", "/images/detail"] {
            let answer = story.send(&story.alice, get(&format!("{path}?{query}")));
            match answer.status {
                200 => {}
                400 => drop(fault(answer, 400)),
                other => panic!("{path}?{query}: {other}"),
            }
        }
    }
    let many = vec!["name=x"; 500].join("&");
    story
        .send(&story.alice, get(&format!("/images/?{many}")))
        .expect(200);
}

#[test]
fn odd_addresses_are_nowhere() {
    let story = Story::begin();
    let id = story.register(&story.alice, "x", b"data");
    for path in [
        format!("/images/{id}%00"),
        "/images/%00".to_owned(),
        "/images/%ff".to_owned(),
        "/images/..".to_owned(),
        "/images/%2e%2e%2f".to_owned(),
        "/images//".to_owned(),
        format!("/images/{}", "x".repeat(3000)),
        format!("/images/{id}/members/%00"),
        format!("/images/{id}/members/%ff"),
        format!("/images/{id}/members/{}", "x".repeat(3000)),
        format!("/images/{id}/members/a%2Fb"),
        format!("/images/{id}/members/"),
        "/shared-images/%ff".to_owned(),
        "/shared-images/%00".to_owned(),
        format!("/shared-images/{}", "x".repeat(3000)),
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "POST"] {
            let request = Request::new(method, format!("{PREFIX}{path}"));
            let status = story.send(&story.alice, request).status;
            let allowed = status < 500 || status == 501;
            assert!(allowed, "{method} {path}: {status}");
        }
    }
    assert_eq!(
        story.members(&story.alice, &id),
        [story.alice.uuid.as_str()]
    );
}

#[test]
fn odd_headers_are_told() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    let long = "x".repeat(9000);
    for (header, value) in [
        ("X-Image-Meta-Name", b"\xff\xfe".as_slice()),
        ("X-Image-Meta-Name", b"%00"),
        ("X-Image-Meta-Name", long.as_bytes()),
        ("X-Image-Meta-Status", b"%00\xff"),
        ("X-Image-Meta-Status", long.as_bytes()),
        ("X-Image-Meta-Owner", b"\xff"),
        ("X-Image-Meta-Is-Public", b"\xff"),
        ("X-Image-Meta-Disk-Format", b"\xff"),
        ("X-Image-Meta-Size", b"\xff"),
        ("X-Image-Meta-Size", b"1e3"),
        ("X-Image-Meta-Location", b"pithos://\xff/a/b"),
        ("X-Image-Meta-Checksum", b"\xff"),
        ("X-Image-Meta-Property-%00", b"x"),
        ("X-Image-Meta-Property-x", b"%00"),
        ("X-Image-Meta-", b"x"),
        ("X-Image-Meta", b"x"),
        ("Range", b"bytes=\xff"),
        ("Accept", b"\xff"),
        ("Content-Type", b"\xff"),
    ] {
        let requests = [
            story.registration(alice, "y", "x"),
            Request::put(format!("{PREFIX}/images/{id}")),
            Request::put(format!("{PREFIX}/images/{id}/members")),
            Request::get(format!("{PREFIX}/images/detail")),
        ];
        for request in requests {
            let answer = story.send(alice, request.header(header, value));
            match answer.status {
                200 | 204 => {}
                400 => drop(fault(answer, 400)),
                other => panic!("{header}: {value:?}: {other}"),
            }
        }
    }
    story.show(alice, &id).expect(200);
}

#[test]
fn bodies_that_nobody_wants_are_no_harm() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    let big = vec![b'{'; 3_000_000];
    for (method, path) in [
        ("POST", "/images/".to_owned()),
        ("PUT", format!("/images/{id}")),
        ("PUT", format!("/images/{id}/members")),
        ("PUT", format!("/images/{id}/members/somebody")),
        ("DELETE", format!("/images/{NOBODYS}")),
        ("GET", "/images/".to_owned()),
    ] {
        let request = || Request::new(method, format!("{PREFIX}{path}"));
        let json = |request: Request| request.header("Content-Type", "application/json");
        for request in [
            json(request()).body(big.clone()),
            request().chunked(big.clone(), 70_000),
        ] {
            let request = request.header("X-Auth-Token", &alice.token);
            // It may hang up on a body that it has heard enough of.
            let status = story
                .cloud
                .try_send(request)
                .map_or(400, |answer| answer.status);
            assert!(status < 500 || status == 501, "{method} {path}: {status}");
        }
    }
    story.show(alice, &id).expect(200);
}
