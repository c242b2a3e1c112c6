//! POST /images: an object becomes an image. The request and response headers of the guide's table.

use crate::story::{Story, get, is_moment, with};

#[test]
fn a_name_and_a_location_make_an_image() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    story.upload(alice, "disk1.diskdump", &[7; 5000]);
    let object = story.pithos(alice, "HEAD", (alice, "disk1.diskdump"), &[]);
    let request = story.registration(alice, "Debian", "disk1.diskdump");
    let made = story.send(alice, request).expect(200);
    assert!(made.body.is_empty());
    assert_eq!(made.meta("Id"), object.header("X-Object-UUID").unwrap());
    assert_eq!(made.meta("Name"), "Debian");
    assert_eq!(made.meta("Disk-Format"), "diskdump");
    assert_eq!(made.meta("Container-Format"), "bare");
    assert_eq!(made.meta("Size"), "5000");
    assert_eq!(
        made.meta("Checksum"),
        object.header("X-Object-Hash").unwrap()
    );
    assert_eq!(
        made.meta("Location"),
        story.location(alice, "disk1.diskdump")
    );
    assert!(
        is_moment(made.meta("Created-At")),
        "{}",
        made.meta("Created-At")
    );
    assert!(
        is_moment(made.meta("Updated-At")),
        "{}",
        made.meta("Updated-At")
    );
    assert_eq!(made.header("X-Image-Meta-Deleted-At"), Some(""));
    assert_eq!(made.meta("Status"), "available");
    assert_eq!(made.meta("Is-Public"), "False");
    assert_eq!(made.meta("Owner"), alice.uuid);
    assert_eq!(story.names(alice, ""), ["Debian"]);
    // The object itself stays as it was, and is nobody else's yet.
    let after = story.pithos(alice, "HEAD", (alice, "disk1.diskdump"), &[]);
    assert_eq!(
        after.header("X-Object-Hash"),
        object.header("X-Object-Hash")
    );
    assert!(story.names(bob, "").is_empty());
    story.show(bob, made.meta("Id")).expect(405);
}

#[test]
fn every_header_of_the_table_is_heeded() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    story.upload(alice, "sub/dir/disk2.img", &[1; 9000]);
    let object = story.pithos(alice, "HEAD", (alice, "sub/dir/disk2.img"), &[]);
    let headers = [
        ("X-Image-Meta-Store", "pithos"),
        ("X-Image-Meta-Disk-Format", "extdump"),
        ("X-Image-Meta-Container-Format", "ovf"),
        ("X-Image-Meta-Size", "9000"),
        (
            "X-Image-Meta-Checksum",
            object.header("X-Object-Hash").unwrap(),
        ),
        ("X-Image-Meta-Is-Public", "True"),
        ("X-Image-Meta-Owner", "somebody-else"),
        ("X-Image-Meta-Property-OS", "Debian Linux"),
        ("X-Image-Meta-Property-Users", "Root"),
    ];
    let request = with(
        story.registration(alice, "Full", "sub/dir/disk2.img"),
        &headers,
    );
    let made = story.send(alice, request).expect(200);
    assert_eq!(made.meta("Disk-Format"), "extdump");
    assert_eq!(made.meta("Container-Format"), "ovf");
    assert_eq!(made.meta("Size"), "9000");
    assert_eq!(made.meta("Is-Public"), "True");
    // The account that has the object owns the image, whatever is said.
    assert_eq!(made.meta("Owner"), alice.uuid);
    assert_eq!(made.meta("Property-Os"), "Debian%20Linux");
    assert_eq!(made.meta("Property-Users"), "Root");
    let image = story.listed(bob, made.meta("Id"));
    assert_eq!(image["properties"]["os"], "Debian Linux");
    assert_eq!(image["properties"]["users"], "Root");
    assert_eq!(image["is_public"], true);
}

#[test]
fn every_format_of_the_guide_is_taken() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "f", b"data");
    let register = |header, value| {
        let request = story.registration(alice, "F", "f").header(header, value);
        story.send(alice, request).expect(200)
    };
    for format in ["diskdump", "extdump", "ntfsdump"] {
        let made = register("X-Image-Meta-Disk-Format", format);
        assert_eq!(made.meta("Disk-Format"), format);
        assert_eq!(made.meta("Container-Format"), "bare");
    }
    for format in ["aki", "ari", "ami", "bare", "ovf"] {
        let made = register("X-Image-Meta-Container-Format", format);
        assert_eq!(made.meta("Container-Format"), format);
        assert_eq!(made.meta("Disk-Format"), "diskdump");
    }
}

#[test]
fn only_true_in_any_case_is_public() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "p", b"data");
    for (value, shown) in [
        ("true", "True"),
        ("TRUE", "True"),
        ("True", "True"),
        ("false", "False"),
        ("False", "False"),
        ("yes", "False"),
        ("1", "False"),
        ("", "False"),
    ] {
        let request = story.registration(alice, "p", "p");
        let made = story.send(alice, request.header("X-Image-Meta-Is-Public", value));
        let made = made.expect(200);
        assert_eq!(made.meta("Is-Public"), shown, "{value:?}");
        let seen = story.names(&story.bob, "");
        assert_eq!(seen.len(), usize::from(shown == "True"), "{value:?}");
    }
}

#[test]
fn registering_again_resets_everything() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let headers = [
        ("X-Image-Meta-Property-OS", "debian"),
        ("X-Image-Meta-Property-Kernel", "5"),
        ("X-Image-Meta-Disk-Format", "ntfsdump"),
        ("X-Image-Meta-Container-Format", "ovf"),
        ("X-Image-Meta-Is-Public", "true"),
    ];
    let id = story.register_with(alice, "one", b"data", &headers);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    story
        .update(alice, &id, &[("X-Image-Meta-Status", "foo")])
        .expect(200);
    let again = story.registration(alice, "two", "one");
    let again = story.send(alice, again.header("X-Image-Meta-Property-Kernel", "6"));
    let again = again.expect(200);
    assert_eq!(again.meta("Id"), id, "the location is the key");
    let image = story.listed(alice, &id);
    assert_eq!(image["name"], "two");
    assert_eq!(image["properties"], serde_json::json!({ "kernel": "6" }));
    assert_eq!(image["disk_format"], "diskdump");
    assert_eq!(image["container_format"], "bare");
    assert_eq!(image["status"], "available");
    assert_eq!(image["is_public"], false);
    assert_eq!(story.members(alice, &id), [alice.uuid.as_str()]);
    assert_eq!(story.names(alice, ""), ["two"]);
    assert!(story.names(bob, "").is_empty());
    story.pithos(bob, "HEAD", (alice, "one"), &[]).expect(403);
}

#[test]
fn registering_one_object_many_times_at_once_makes_one_image() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "o", b"data");
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                story
                    .send(alice, story.registration(alice, "o", "o"))
                    .expect(200)
            });
        }
    });
    assert_eq!(story.names(alice, ""), ["o"]);
}

#[test]
fn underscores_in_the_names_of_headers_are_dashes() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [
        ("X-Image-Meta-Disk_format", "ntfsdump"),
        ("X-Image-Meta-Is_public", "True"),
        ("x-image-meta-container_format", "ami"),
    ];
    let id = story.register_with(alice, "u", b"data", &headers);
    let image = story.listed(alice, &id);
    assert_eq!(image["disk_format"], "ntfsdump");
    assert_eq!(image["container_format"], "ami");
    assert_eq!(image["is_public"], true);
}

#[test]
fn a_public_image_is_public_in_pithos() {
    let story = Story::begin();
    let (alice, bob) = (&story.alice, &story.bob);
    let id = story.register_with(alice, "p", b"data", &[("X-Image-Meta-Is-Public", "true")]);
    let object = story.pithos(bob, "GET", (alice, "p"), &[]).expect(200);
    assert_eq!(object.body, b"data");
    story.show(bob, &id).expect(200);
    story
        .send(bob, get(&format!("/images/{id}/members")))
        .expect(200);
}

#[test]
fn several_blocks_and_none_have_the_hash_of_pithos() {
    let story = Story::begin();
    let alice = &story.alice;
    for (name, data) in [("empty", Vec::new()), ("big", vec![5; (4 << 20) + 5])] {
        let id = story.register(alice, name, &data);
        let shown = story.show(alice, &id).expect(200);
        let object = story.pithos(alice, "HEAD", (alice, name), &[]);
        assert_eq!(
            shown.meta("Checksum"),
            object.header("X-Object-Hash").unwrap()
        );
        assert_eq!(shown.meta("Size"), data.len().to_string());
    }
}
