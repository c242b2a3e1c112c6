//! GET /images and /images/detail: who sees what, filters, order, fields.

use serde_json::Value;

use crate::story::{Story, array, fault, get, is_moment};

/// alice's images: name, bytes, disk format, container format.
const IMAGES: [(&str, usize, &str, &str); 4] = [
    ("zeta", 100, "diskdump", "bare"),
    ("Alpha", 4000, "extdump", "ovf"),
    ("beta image", 20, "ntfsdump", "bare"),
    ("alpha", 3000, "diskdump", "ami"),
];

fn begin() -> Story {
    let story = Story::begin();
    for (name, bytes, disk, container) in IMAGES {
        let headers = [
            ("X-Image-Meta-Disk-Format", disk),
            ("X-Image-Meta-Container-Format", container),
        ];
        let data = functional::patterned(bytes, 1);
        let object = name.replace(' ', "_");
        story.upload(&story.alice, &object, &data);
        let request = story.registration(&story.alice, name, &object);
        let request = crate::story::with(request, &headers);
        story.send(&story.alice, request).expect(200);
    }
    story
}

#[test]
fn own_shared_and_public_images_are_listed() {
    let story = Story::begin();
    let (alice, bob, carol) = (&story.alice, &story.bob, &story.carol);
    story.register(alice, "own", b"1");
    let shared = story.register(bob, "shared", b"2");
    story.add_member(bob, &shared, &alice.uuid).expect(204);
    story.register_with(bob, "public", b"3", &[("X-Image-Meta-Is-Public", "true")]);
    story.register(bob, "hidden", b"4");
    let sorted = |user| {
        let mut names = story.names(user, "");
        names.sort();
        names
    };
    assert_eq!(sorted(alice), ["own", "public", "shared"]);
    assert_eq!(sorted(bob), ["hidden", "public", "shared"]);
    assert_eq!(sorted(carol), ["public"]);
}

#[test]
fn a_brief_list_has_six_fields() {
    let story = begin();
    for path in ["/images", "/images/"] {
        let list = story.send(&story.alice, get(path)).expect(200);
        let json = list.header("Content-Type").unwrap();
        assert!(json.starts_with("application/json"), "{json}");
        let list = array(list.json());
        assert_eq!(list.len(), 4);
        let image = list.iter().find(|image| image["name"] == "zeta").unwrap();
        let mut fields: Vec<_> = image.as_object().unwrap().keys().collect();
        fields.sort();
        let expected = [
            "container_format",
            "disk_format",
            "id",
            "name",
            "size",
            "status",
        ];
        assert_eq!(fields, expected);
        assert_eq!(image["status"], "available");
        assert_eq!(image["disk_format"], "diskdump");
        assert_eq!(image["container_format"], "bare");
        assert_eq!(image["size"], 100);
        story
            .show(&story.alice, image["id"].as_str().unwrap())
            .expect(200);
    }
}

#[test]
fn a_detailed_list_has_every_field_of_the_table() {
    let story = Story::begin();
    let alice = &story.alice;
    let id = story.register_with(alice, "d", b"data", &[("X-Image-Meta-Property-OS", "x")]);
    let image = story.listed(alice, &id);
    let object = story.pithos(alice, "HEAD", (alice, "d"), &[]);
    assert_eq!(image["location"], story.location(alice, "d"));
    assert_eq!(image["name"], "d");
    assert_eq!(image["status"], "available");
    assert_eq!(image["disk_format"], "diskdump");
    assert_eq!(image["container_format"], "bare");
    assert_eq!(image["size"], 4);
    assert_eq!(image["checksum"], object.header("X-Object-Hash").unwrap());
    assert!(is_moment(image["created_at"].as_str().unwrap()));
    assert!(is_moment(image["updated_at"].as_str().unwrap()));
    assert_eq!(image["deleted_at"], "");
    assert_eq!(image["is_public"], false);
    assert_eq!(image["owner"], alice.uuid);
    assert_eq!(image["properties"]["os"], "x");
    // Glance's only.
    for field in ["uri", "min_ram", "min_disk"] {
        assert_eq!(image[field], Value::Null, "{field}");
    }
}

#[test]
fn filters_filter() {
    let story = begin();
    let sorted = |query: &str| {
        let mut names = story.names(&story.alice, query);
        names.sort();
        let brief = story.send(&story.alice, get(&format!("/images/{query}")));
        assert_eq!(
            array(brief.expect(200).json()).len(),
            names.len(),
            "{query}"
        );
        names
    };
    for (query, names) in [
        ("?name=zeta", &["zeta"][..]),
        ("?name=alpha", &["alpha"]),
        ("?name=beta%20image", &["beta image"]),
        ("?name=beta+image", &["beta image"]),
        // As kamaki quotes it.
        ("?name=beta%2520image", &["beta image"]),
        ("?name=nothing", &[]),
        ("?container_format=ovf", &["Alpha"]),
        ("?container_format=bare", &["beta image", "zeta"]),
        ("?disk_format=diskdump", &["alpha", "zeta"]),
        ("?disk_format=ntfsdump", &["beta image"]),
        (
            "?status=available",
            &["Alpha", "alpha", "beta image", "zeta"],
        ),
        (
            "?status=AVAILABLE",
            &["Alpha", "alpha", "beta image", "zeta"],
        ),
        ("?status=error", &[]),
        ("?size_min=3000", &["Alpha", "alpha"]),
        ("?size_max=100", &["beta image", "zeta"]),
        ("?size_min=100&size_max=3000", &["alpha", "zeta"]),
        ("?size_min=3001&size_max=3999", &[]),
        ("?disk_format=diskdump&container_format=ami", &["alpha"]),
        ("?name=alpha&name=zeta", &["zeta"]),
        (
            "?limit=1&marker=x&owner=y&whatever=z",
            &["Alpha", "alpha", "beta image", "zeta"],
        ),
    ] {
        assert_eq!(sorted(query), names, "{query}");
    }
}

#[test]
fn the_latest_comes_first_unless_another_order_is_wanted() {
    let story = begin();
    let names = |query: &str| story.names(&story.alice, query);
    for (query, order) in [
        (
            "?sort_key=name&sort_dir=asc",
            ["Alpha", "alpha", "beta image", "zeta"],
        ),
        (
            "?sort_key=name&sort_dir=desc",
            ["zeta", "beta image", "alpha", "Alpha"],
        ),
        (
            "?sort_key=size&sort_dir=asc",
            ["beta image", "zeta", "alpha", "Alpha"],
        ),
        (
            "?sort_key=size&sort_dir=desc",
            ["Alpha", "alpha", "zeta", "beta image"],
        ),
        ("?sort_key=size", ["Alpha", "alpha", "zeta", "beta image"]),
    ] {
        assert_eq!(names(query), order, "{query}");
    }
    for key in [
        "id",
        "status",
        "disk_format",
        "container_format",
        "created_at",
        "updated_at",
    ] {
        for direction in ["asc", "desc"] {
            let query = format!("?sort_key={key}&sort_dir={direction}");
            let values: Vec<String> = story
                .list(&story.alice, &query)
                .iter()
                .map(|image| image[key].as_str().unwrap().to_owned())
                .collect();
            let mut sorted = values.clone();
            sorted.sort();
            if direction == "desc" {
                sorted.reverse();
            }
            assert_eq!(values, sorted, "{query}");
        }
    }
    let times: Vec<String> = story
        .list(&story.alice, "")
        .iter()
        .map(|image| image["created_at"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
}

#[test]
fn wrong_parameters_are_named() {
    let story = Story::begin();
    for path in ["/images/", "/images/detail"] {
        for query in [
            "sort_key=owner",
            "sort_key=NAME",
            "sort_key=",
            "sort_dir=down",
            "sort_dir=ASC",
            "sort_dir=",
            "size_min=abc",
            "size_min=",
            "size_max=1.5",
            "size_max=",
        ] {
            fault(
                story.send(&story.alice, get(&format!("{path}?{query}"))),
                400,
            );
        }
    }
}
