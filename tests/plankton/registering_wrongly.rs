//! POST /images that cannot be: the return codes of the guide's table, and no trace of them.

use functional::Request;

use crate::story::{Story, fault, post};

/// Sends a registration that must fail with this status, and leave nothing behind; the message.
#[track_caller]
fn refused(story: &Story, request: Request, status: u16) -> String {
    let message = fault(story.send(&story.alice, request), status);
    assert!(story.names(&story.alice, "").is_empty(), "{message}");
    message
}

#[test]
fn a_name_is_required() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "x", b"data");
    let nameless = || post("/images/").header("X-Image-Meta-Location", story.location(alice, "x"));
    refused(&story, nameless(), 400);
    refused(&story, nameless().header("X-Image-Meta-Name", ""), 400);
}

#[test]
fn without_a_location_nothing_is_implemented() {
    let story = Story::begin();
    let named = || post("/images/").header("X-Image-Meta-Name", "x");
    refused(&story, named(), 501);
    refused(&story, named().header("X-Image-Meta-Location", ""), 501);
    // Not even with data, which Plankton takes none of.
    refused(&story, named().data(b"data".as_slice()), 501);
}

#[test]
fn a_location_is_an_object_of_pithos() {
    let story = Story::begin();
    let container = story.location(&story.alice, "");
    let container = container.trim_end_matches('/');
    for location in [
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "pithos:",
        "pithos://",
        "pithos://account",
        "pithos:///container/object",
        "PITHOS://a/b/c",
        "swift://a/b/c",
        "/a/b/c",
        "x",
        container,
        "pithos://a/b/%ff",
    ] {
        let request = post("/images/").header("X-Image-Meta-Name", "x");
        refused(
            &story,
            request.header("X-Image-Meta-Location", location),
            400,
        );
    }
}

#[test]
fn no_object_is_404() {
    let story = Story::begin();
    let request = story.registration(&story.alice, "x", "absent");
    refused(&story, request, 404);
}

#[test]
fn an_object_of_somebody_else_is_none_of_mine() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    story.upload(bob, "his", b"data");
    let refused = || {
        let answer = story.send(alice, story.registration(bob, "mine", "his"));
        fault(answer, 405);
    };
    refused();
    for sharing in ["read={}", "write={}"] {
        story.share(bob, "his", &sharing.replace("{}", &alice.uuid));
        refused();
    }
    assert!(story.names(alice, "").is_empty() && story.names(bob, "").is_empty());
    // Nothing became of its sharing either.
    let object = story.pithos(bob, "HEAD", (bob, "his"), &[]);
    let sharing = object.header("X-Object-Sharing").unwrap_or_default();
    assert!(
        sharing.contains(&format!("write={}", alice.uuid)),
        "{sharing}"
    );
}

#[test]
fn a_size_must_be_that_of_the_object() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "s", b"12345");
    let sized = |size| {
        story
            .registration(alice, "s", "s")
            .header("X-Image-Meta-Size", size)
    };
    for size in [
        "4",
        "6",
        "0",
        "-5",
        "five",
        "5.0",
        "99999999999999999999",
        "",
    ] {
        refused(&story, sized(size), 400);
    }
    story.send(alice, sized("5")).expect(200);
}

#[test]
fn a_checksum_must_be_that_of_the_object() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "c", b"12345");
    let object = story.pithos(alice, "HEAD", (alice, "c"), &[]);
    let hash = object.header("X-Object-Hash").unwrap();
    let request = |sum| {
        story
            .registration(alice, "c", "c")
            .header("X-Image-Meta-Checksum", sum)
    };
    for sum in ["827ccb0eea8a706c4c34a16891f84e7b", "x", &hash[1..]] {
        refused(&story, request(sum), 400);
    }
    story.send(alice, request(hash)).expect(200);
}

#[test]
fn values_that_the_guide_does_not_know_are_refused() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "v", b"data");
    for (header, values) in [
        (
            "X-Image-Meta-Disk-Format",
            &[
                "raw", "vhd", "vmdk", "vdi", "iso", "qcow2", "aki", "Diskdump", "",
            ][..],
        ),
        (
            "X-Image-Meta-Container-Format",
            &["zip", "docker", "BARE", ""],
        ),
        ("X-Image-Meta-Store", &["file", "s3", "swift", "PITHOS", ""]),
        (
            "X-Image-Meta-Id",
            &["940509eb-eb4f-496c-8443-22ffd24912e9", "x"],
        ),
        ("X-Image-Meta-Status", &["available"]),
        ("X-Image-Meta-Created-At", &["2013-03-29 14:14:34"]),
        ("X-Image-Meta-Updated-At", &["2013-03-29 14:14:34"]),
        ("X-Image-Meta-Deleted-At", &[""]),
    ] {
        for value in values {
            let request = story.registration(alice, "v", "v").header(header, value);
            refused(&story, request, 400);
        }
    }
}

#[test]
fn headers_that_do_not_exist_are_refused() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "h", b"data");
    // The second and the third are Glance's.
    for header in [
        "X-Image-Meta-Foo",
        "X-Image-Meta-Min-Ram",
        "X-Image-Meta-Min-Disk",
    ] {
        let request = story.registration(alice, "h", "h").header(header, "1");
        refused(&story, request, 400);
    }
}

#[test]
fn properties_have_limits() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "l", b"data");
    let long = |length: usize| "x".repeat(length);
    let property = |name: &str, value: &str| {
        let request = story.registration(alice, "l", "l");
        request.header(&format!("X-Image-Meta-Property-{name}"), value)
    };
    refused(&story, property("v", &long(257)), 400);
    refused(&story, property(&long(94), "v"), 400);
    refused(&story, story.registration(alice, &long(257), "l"), 400);
    // Characters count, not bytes.
    refused(&story, property("v", &"%CE%BA".repeat(257)), 400);
    let many = |count| {
        (0..count).fold(story.registration(alice, "l", "l"), |request, number| {
            request.header(&format!("X-Image-Meta-Property-p{number}"), "v")
        })
    };
    refused(&story, many(29), 400);
    story.send(alice, many(28)).expect(200);
    story
        .send(alice, property("v", &"%CE%BA".repeat(256)))
        .expect(200);
    story.send(alice, property(&long(93), "v")).expect(200);
}

#[test]
fn what_is_no_utf8_is_refused() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "u", b"data");
    let request = || post("/images/").header("X-Image-Meta-Location", story.location(alice, "u"));
    refused(
        &story,
        request().header("X-Image-Meta-Name", b"caf\xe9"),
        400,
    );
    refused(&story, request().header("X-Image-Meta-Name", "caf%E9"), 400);
    let named = || request().header("X-Image-Meta-Name", "u");
    refused(
        &story,
        named().header("X-Image-Meta-Property-a", "%ff"),
        400,
    );
    refused(
        &story,
        named().header("X-Image-Meta-Property-a", b"\xff"),
        400,
    );
    refused(
        &story,
        named().header("X-Image-Meta-Property-%ff", "a"),
        400,
    );
    refused(
        &story,
        named().header("X-Image-Meta-Property-a", "%00"),
        400,
    );
}
