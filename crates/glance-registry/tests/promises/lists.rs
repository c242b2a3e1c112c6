//! Lists: everything that should be there, once, in order, page after page.

use serde_json::json;

use crate::harness::{ADMIN, Place, Registry, T1, T2};

const KEYS: [&str; 8] = [
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
];

fn images(registry: &Registry) {
    for number in 0..20 {
        let token = if number % 2 == 0 { T1 } else { T2 };
        let mut image =
            json!({"is_public": number % 3 == 0, "properties": {"n": number.to_string()}});
        if number % 4 != 0 {
            image["name"] = json!(format!("image {}", number % 7));
            image["size"] = json!(number % 5);
            image["disk_format"] = json!(["raw", "qcow2"][number % 2]);
        }
        let id = registry.create(token, image);
        if number % 5 == 1 {
            assert_eq!(
                registry
                    .send(token, "PUT", &format!("/images/{id}/members/t1"), &[], None)
                    .status,
                204
            );
        }
        if number % 10 == 9 {
            registry.delete(token, &format!("/images/{id}"));
        }
    }
}

fn ids(registry: &Registry, token: &str, query: &str) -> Vec<String> {
    let answer = registry.get(token, &format!("/images?{query}"));
    assert_eq!(answer.status, 200, "{query} {answer:?}");
    let list = answer.json()["images"].as_array().unwrap().clone();
    list.iter()
        .map(|image| image["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn pages_put_together_are_the_whole_list() {
    let place = Place::new();
    let registry = place.start();
    images(&registry);
    for token in [T1, T2, ADMIN] {
        for more in [
            "",
            "&is_public=None",
            "&is_public=False",
            "&changes-since=2001-01-01",
        ] {
            for key in KEYS {
                for direction in ["asc", "desc"] {
                    let query = format!("sort_key={key}&sort_dir={direction}{more}");
                    let whole = ids(&registry, token, &format!("{query}&limit=100"));
                    let mut pages: Vec<String> = Vec::new();
                    loop {
                        let marker = pages
                            .last()
                            .map(|id| format!("&marker={id}"))
                            .unwrap_or_default();
                        let page = ids(&registry, token, &format!("{query}&limit=3{marker}"));
                        if page.is_empty() {
                            break;
                        }
                        pages.extend(page);
                    }
                    assert_eq!(pages, whole, "{token} {query}");
                    let mut unique = whole.clone();
                    unique.sort_unstable();
                    unique.dedup();
                    assert_eq!(unique.len(), whole.len(), "{token} {query}");
                }
            }
        }
    }
}

#[test]
fn ascending_is_descending_backwards() {
    let place = Place::new();
    let registry = place.start();
    images(&registry);
    for key in KEYS {
        let mut up = ids(&registry, T1, &format!("sort_key={key}&sort_dir=asc"));
        up.reverse();
        assert_eq!(
            up,
            ids(&registry, T1, &format!("sort_key={key}&sort_dir=desc")),
            "{key}"
        );
    }
}

#[test]
fn filters_agree_with_what_details_say() {
    let place = Place::new();
    let registry = place.start();
    images(&registry);
    let all = registry.get(ADMIN, "/images/detail?is_public=None").json()["images"].clone();
    let all = all.as_array().unwrap();
    let count =
        |test: &dyn Fn(&serde_json::Value) -> bool| all.iter().filter(|image| test(image)).count();
    for (query, expected) in [
        ("name=image%201", count(&|image| image["name"] == "image 1")),
        (
            "name=in:image%201,%22image%202%22",
            count(&|i| i["name"] == "image 1" || i["name"] == "image 2"),
        ),
        (
            "size_min=2&size_max=3",
            count(&|i| i["size"] == 2 || i["size"] == 3),
        ),
        ("disk_format=qcow2", count(&|i| i["disk_format"] == "qcow2")),
        ("property-n=7", count(&|i| i["properties"]["n"] == "7")),
        ("property-n=7&property-m=1", 0),
        ("status=active&sort_key=name", all.len()),
        (
            "name=image%201&sort_key=size&sort_dir=asc",
            count(&|i| i["name"] == "image 1"),
        ),
        ("name=%D0%B6", 0),
        ("name=%00", 0),
        ("min_ram=0", all.len()),
        ("protected=1", 0),
    ] {
        assert_eq!(
            ids(&registry, ADMIN, &format!("is_public=None&{query}")).len(),
            expected,
            "{query}"
        );
    }
}

#[test]
fn locations_are_left_out_on_demand_and_nothing_else() {
    let place = Place::new();
    let registry = place.start();
    images(&registry);
    let location = json!({"url": "file:///data", "metadata": {}, "status": "active"});
    let id = registry.create(T1, json!({"location_data": [location], "name": "placed"}));
    let list = |headers: &[(&str, &str)]| {
        let answer = registry.send(T1, "GET", "/images/detail", headers, None);
        answer.json()["images"].as_array().unwrap().clone()
    };
    let whole = list(&[]);
    let placed = whole.iter().find(|image| image["id"] == id.as_str());
    assert_eq!(placed.unwrap()["location"], "file:///data");
    let mut expected = whole.clone();
    for image in &mut expected {
        image["location"] = json!(null);
        image["location_data"] = json!([]);
    }
    assert_eq!(list(&[("x-glance-leave-out", "locations")]), expected);
    assert_eq!(list(&[("x-glance-leave-out", "anything")]), whole);

    let image = |headers: &[(&str, &str)]| {
        let answer = registry.send(T1, "GET", &format!("/images/{id}"), headers, None);
        answer.image()
    };
    let whole = image(&[]);
    assert_eq!(whole["location"], "file:///data");
    let mut expected = whole.clone();
    expected["location"] = json!(null);
    expected["location_data"] = json!([]);
    assert_eq!(image(&[("x-glance-leave-out", "locations")]), expected);
    assert_eq!(image(&[("x-glance-leave-out", "anything")]), whole);
}

#[test]
fn tenants_see_public_own_and_shared_images_and_nothing_else() {
    let place = Place::new();
    let registry = place.start();
    registry.create(ADMIN, json!({"name": "public", "is_public": true}));
    registry.create(T1, json!({"name": "own"}));
    registry.create(T1, json!({"name": "own public", "is_public": true}));
    let shared = registry.create(T2, json!({"name": "shared"}));
    registry.create(T2, json!({"name": "other"}));
    registry.send(
        T2,
        "PUT",
        &format!("/images/{shared}/members/t1"),
        &[],
        None,
    );
    let mut names = registry.get(T1, "/images").names();
    names.sort_unstable();
    assert_eq!(names, ["own", "own public", "public", "shared"]);
    // Who has no tenant has no images, and is nobody's member.
    let mut names = registry.get("u9:none:member", "/images").names();
    names.sort_unstable();
    assert_eq!(names, ["own public", "public"]);
}

#[test]
fn markers_of_other_tenants_are_refused() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T2, json!({}));
    let answer = registry.get(T1, &format!("/images?marker={id}"));
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text
            .contains("Invalid marker. Image could not be found.")
    );
}

#[test]
fn short_lists_have_six_members_each() {
    let place = Place::new();
    let registry = place.start();
    registry.create(
        T1,
        json!({"properties": {"a": "1"}, "location": "file:///x"}),
    );
    let list = registry.get(T1, "/images").json();
    assert_eq!(list["images"][0].as_object().unwrap().len(), 6);
}
