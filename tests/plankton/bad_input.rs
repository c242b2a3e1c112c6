//! Whatever is sent, nothing is answered 500: what is wrong is told, and the service goes on.

use functional::{Request, Synnefo};

use crate::story::{NOBODYS, PREFIX, Story, fault, get, post, put};

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

/// For each header what it cannot say in a registration.
fn wrong_in_a_registration(long: &str) -> Vec<(&str, Vec<&[u8]>)> {
    let long = long.as_bytes();
    let formats: [&[u8]; 5] = [b"", b"raw", b"BARE", b"\xff", b"%64iskdump"];
    vec![
        ("Name", vec![b"", b"\xff\xfe", b"%ff", b"%00", long]),
        (
            "Location",
            vec![
                b"",
                b"x",
                b"file:///etc/passwd",
                b"pithos://a",
                b"pithos://\xff/a/b",
                b"pithos://a/b/%ff",
                b"pithos://a/b/%00",
                long,
            ],
        ),
        ("Id", vec![b"", b"x", NOBODYS.as_bytes(), b"\xff"]),
        ("Store", vec![b"", b"file", b"PITHOS", b"\xff"]),
        ("Disk-Format", formats.to_vec()),
        ("Container-Format", formats.to_vec()),
        (
            "Size",
            vec![
                b"",
                b"five",
                b"-4",
                b"+-4",
                b"4.0",
                b"1e3",
                b"0x4",
                b"\xff",
                b"99999999999999999999",
            ],
        ),
        ("Checksum", vec![b"", b"x", b"\xff", long]),
        ("Status", vec![b"", b"available", b"\xff"]),
        ("Created-At", vec![b"", b"2013-03-29 14:14:34", b"\xff"]),
        ("Updated-At", vec![b"", b"yesterday", b"\xff"]),
        ("Deleted-At", vec![b"", b"never", b"\xff"]),
        ("Is-Snapshot", vec![b"", b"True", b"\xff"]),
        ("Description", vec![b"", b"x", b"\xff"]),
        ("Is-Public", vec![b"\xff"]),
        ("Owner", vec![b"\xff", long]),
        ("Property-x", vec![b"\xff", b"%ff", b"%00", long]),
        ("Property-%ff", vec![b"x"]),
        ("Property-%00", vec![b"x"]),
    ]
}

/// Headers that a registration has, and an update has not.
const NOT_IN_AN_UPDATE: [&str; 8] = [
    "Location",
    "Id",
    "Store",
    "Created-At",
    "Updated-At",
    "Deleted-At",
    "Is-Snapshot",
    "Description",
];

#[test]
fn what_a_header_cannot_say_is_told_at_either_level() {
    let long = "x".repeat(257);
    for level in ["guide", "synnefo"] {
        let setup = Synnefo::shared().image_service();
        let story = Story::with(setup.api_in("plankton", "level", level));
        let alice = &story.alice;
        let id = story.register(alice, "x", b"data");
        story.upload(alice, "new", b"data");
        let told = |request: Request, header: &str, value: &[u8]| {
            let what = format!("{level}, X-Image-Meta-{header}: {}", value.escape_ascii());
            let answer = story.send(alice, request);
            let status = answer.status;
            // The guide's word for an empty location.
            let allowed = (400..500).contains(&status) || (status == 501 && header == "Location");
            assert!(allowed, "{what}: {status}");
            fault(answer, status);
        };
        for (header, values) in wrong_in_a_registration(&long) {
            let name = format!("X-Image-Meta-{header}");
            for value in values {
                let mut new = post("/images/");
                if header != "Name" {
                    new = new.header("X-Image-Meta-Name", "y");
                }
                if header != "Location" {
                    let location = story.location(alice, "new");
                    new = new.header("X-Image-Meta-Location", location);
                }
                told(new.header(&name, value), header, value);
                // A status may be any text there.
                if header != "Status" || value == b"\xff" {
                    let update = put(&format!("/images/{id}"));
                    told(update.header(&name, value), header, value);
                }
            }
        }
        for header in NOT_IN_AN_UPDATE {
            let name = format!("X-Image-Meta-{header}");
            let update = put(&format!("/images/{id}"));
            told(update.header(&name, "x"), header, b"x");
        }
        // None of them has done anything.
        assert_eq!(story.names(alice, ""), ["x"]);
        let image = story.listed(alice, &id);
        assert_eq!(image["properties"], serde_json::json!({}));
    }
}

#[test]
fn odd_headers_are_told_or_mean_nothing() {
    for level in ["guide", "synnefo"] {
        let setup = Synnefo::shared().image_service();
        let story = Story::with(setup.api_in("plankton", "level", level));
        let alice = &story.alice;
        let id = story.register(alice, "x", b"data");
        let long = "x".repeat(9000);
        for (header, value) in [
            ("X-Image-Meta-Name", long.as_bytes()),
            ("X-Image-Meta-Status", b"%00\xff"),
            ("X-Image-Meta-Status", long.as_bytes()),
            ("X-Image-Meta-Is-Public", b"perhaps"),
            ("X-Image-Meta-", b"x"),
            ("X-Image-Meta", b"x"),
            ("X-Image-Meta-Property", b"x"),
            ("X-Image-Meta-Property-", b"x"),
            ("Range", b"bytes=\xff"),
            ("If-None-Match", b"\xff"),
            ("If-Modified-Since", b"\xff"),
            ("Accept", b"\xff"),
            ("Content-Type", b"\xff"),
            ("X-OpenStack-Request-ID", b"\xff"),
        ] {
            let requests = [
                story.registration(alice, "y", "x"),
                put(&format!("/images/{id}")),
                put(&format!("/images/{id}/members")),
                get("/images/detail"),
            ];
            for request in requests {
                let answer = story.send(alice, request.header(header, value));
                match answer.status {
                    200 | 204 => {}
                    400 => drop(fault(answer, 400)),
                    other => panic!("{level}, {header}: {}: {other}", value.escape_ascii()),
                }
            }
        }
        story.show(alice, &id).expect(200);
    }
}

#[test]
fn an_odd_token_is_none() {
    for level in ["guide", "synnefo"] {
        let setup = Synnefo::shared().image_service();
        let cloud = setup.api_in("plankton", "level", level).start();
        let long = "x".repeat(9000);
        for token in [b"\xff".as_slice(), b"%00", b"\"", b"{}", long.as_bytes()] {
            let request = get("/images/").header("X-Auth-Token", token);
            let status = cloud.send(request).status;
            let what = token.escape_ascii();
            assert!(matches!(status, 400 | 401), "{level}, {what}: {status}");
        }
        cloud.send(get("/images/?X-Auth-Token=%ff")).expect(401);
    }
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
