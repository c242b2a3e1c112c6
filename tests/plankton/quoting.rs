//! Names and properties in headers: percent-quoted UTF-8, and punctuation that becomes underscores.

use serde_json::json;

use crate::story::Story;

#[test]
fn names_are_quoted_in_headers_and_plain_in_json() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "q", b"data");
    for (sent, shown, plain) in [
        (
            "caf%C3%A9%20%CE%BA%CF%8C%CF%83%CE%BC%CE%BF%CF%82%20%F0%9F%90%A7",
            "caf%C3%A9%20%CE%BA%CF%8C%CF%83%CE%BC%CE%BF%CF%82%20%F0%9F%90%A7",
            "café κόσμος 🐧",
        ),
        ("café raw", "caf%C3%A9%20raw", "café raw"),
        ("a+b", "a%2Bb", "a+b"),
        ("100%zz", "100%25zz", "100%zz"),
        ("a/b_c.d-e", "a/b_c.d-e", "a/b_c.d-e"),
    ] {
        let request = story.registration(alice, sent, "q");
        let made = story.send(alice, request).expect(200);
        assert_eq!(made.meta("Name"), shown);
        assert_eq!(story.show(alice, made.meta("Id")).meta("Name"), shown);
        assert_eq!(story.names(alice, ""), [plain]);
    }
}

#[test]
fn punctuation_in_the_name_of_a_property_is_an_underscore() {
    let story = Story::begin();
    let alice = &story.alice;
    for (number, spelled) in [
        "root-partition",
        "Root.Partition",
        "ROOT~partition",
        "root_PARTITION",
    ]
    .into_iter()
    .enumerate()
    {
        let header = format!("X-Image-Meta-Property-{spelled}");
        let name = format!("p{number}");
        let id = story.register_with(alice, &name, b"data", &[(&header, "1")]);
        assert_eq!(
            story.listed(alice, &id)["properties"],
            json!({ "root_partition": "1" })
        );
        let shown = story.show(alice, &id);
        assert_eq!(shown.meta("Property-Root-Partition"), "1");
    }
}

#[test]
fn every_punctuation_is_an_underscore() {
    let story = Story::begin();
    let alice = &story.alice;
    let all = (b'!'..=b'~').filter(u8::is_ascii_punctuation);
    let quoted: String = all.map(|byte| format!("%{byte:02X}")).collect();
    // And what a header's name has of it as it is.
    for (number, (name, plain)) in [
        (format!("a{quoted}b"), format!("a{}b", "_".repeat(32))),
        (
            "a!#$%&'*+-.^_`|~b".to_owned(),
            format!("a{}b", "_".repeat(15)),
        ),
        ("%C3%89%2Dx".to_owned(), "é_x".to_owned()),
        ("a%20b".to_owned(), "a b".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let header = format!("X-Image-Meta-Property-{name}");
        let object = format!("p{number}");
        let id = story.register_with(alice, &object, b"data", &[(&header, "1")]);
        assert_eq!(
            story.listed(alice, &id)["properties"],
            json!({ plain: "1" })
        );
    }
}

#[test]
fn names_and_values_of_properties_are_quoted() {
    let story = Story::begin();
    let alice = &story.alice;
    let headers = [
        ("X-Image-Meta-Property-%CE%BA%CF%8C", "%CF%83%20x"),
        (
            "X-Image-Meta-Property-description",
            "Fedora release 17 (Beefy Miracle)",
        ),
    ];
    let id = story.register_with(alice, "p", b"data", &headers);
    assert_eq!(
        story.listed(alice, &id)["properties"],
        json!({ "κό": "σ x", "description": "Fedora release 17 (Beefy Miracle)" })
    );
    let shown = story.show(alice, &id);
    assert_eq!(shown.meta("Property-%CE%BA%CF%8C"), "%CF%83%20x");
    let description = "Fedora%20release%2017%20%28Beefy%20Miracle%29";
    assert_eq!(shown.meta("Property-Description"), description);
}

#[test]
fn locations_are_quoted_part_by_part() {
    let story = Story::begin();
    let alice = &story.alice;
    story.upload(alice, "a%20b%2520c/%CE%BA", b"data");
    for object in ["a%20b%2520c/%CE%BA", "a b%2520c/κ", "a%20b%2520c%2F%CE%BA"] {
        let request = story.registration(alice, "l", object);
        let made = story.send(alice, request).expect(200);
        let location = story.location(alice, "a%20b%2520c/%CE%BA");
        assert_eq!(made.meta("Location"), location);
        assert_eq!(story.names(alice, ""), ["l"]);
    }
}
