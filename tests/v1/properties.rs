//! Free properties: kept or purged, in every spelling.

use functional::{Cloud, Identity, Images, Request};
use serde_json::{Value, json};

fn properties(owner: &Images<'_>, id: &str) -> Value {
    let list = owner
        .send(Request::get("/v1/images/detail"))
        .expect(200)
        .json();
    let images = list["images"].as_array().unwrap();
    images.iter().find(|image| image["id"] == id).unwrap()["properties"].clone()
}

fn update(id: &str) -> Request {
    Request::put(format!("/v1/images/{id}"))
}

#[test]
fn names_are_folded_to_lower_case_and_underscores() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let request = owner
        .new_disk("spelled")
        .header("X-Image-Meta-Property-Kernel-ID", "k")
        .header("x-image-meta-property-ramdisk_id", "r")
        .header("x_image_meta_property_os_type", "linux")
        .header("x-image-meta-property-city", "Zürich – 東京");
    let id = owner.send(request).expect(201).json()["image"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let expected = json!({
        "kernel_id": "k", "ramdisk_id": "r", "os_type": "linux", "city": "Zürich – 東京",
    });
    assert_eq!(properties(&owner, &id), expected);
    let head = owner.show(&id);
    assert_eq!(head.meta("Property-kernel_id"), "k");
    assert_eq!(head.meta("Property-city"), "Zürich – 東京");
}

#[test]
fn both_spellings_of_fields_are_taken() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    for (disk, container) in [
        ("disk-format", "container-format"),
        ("disk_format", "container_format"),
    ] {
        let request = Request::post("/v1/images")
            .header("x-image-meta-name", "Größe")
            .header(&format!("x-image-meta-{disk}"), "qcow2")
            .header(&format!("x-image-meta-{container}"), "ovf")
            .header("x-image-meta-min-ram", "64");
        let image = owner.send(request).expect(201).json()["image"].clone();
        assert_eq!(image["name"], "Größe");
        assert_eq!(image["disk_format"], "qcow2");
        assert_eq!(image["container_format"], "ovf");
        assert_eq!(image["min_ram"], 64);
    }
}

#[test]
fn an_update_replaces_them_unless_told_to_keep() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let request = owner.new_disk("p").header("x-image-meta-property-a", "1");
    let request = request.header("x-image-meta-property-b", "2");
    let id = owner.send(request).expect(201).json()["image"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let keep = update(&id).header("x-glance-registry-purge-props", "false");
    owner
        .send(keep.header("x-image-meta-property-c", "3"))
        .expect(200);
    assert_eq!(
        properties(&owner, &id),
        json!({"a": "1", "b": "2", "c": "3"})
    );
    owner
        .send(update(&id).header("x-image-meta-property-d", "4"))
        .expect(200);
    assert_eq!(properties(&owner, &id), json!({"d": "4"}));
    owner
        .send(update(&id).header("x-glance-registry-purge-props", "True"))
        .expect(200);
    assert_eq!(properties(&owner, &id), json!({}));
}

#[test]
fn an_upload_keeps_them() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let request = owner.new_disk("p").header("x-image-meta-property-a", "1");
    let id = owner.send(request).expect(201).json()["image"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    owner.upload(&id, b"12345").expect(200);
    assert_eq!(properties(&owner, &id), json!({"a": "1"}));
}

#[test]
fn images_are_found_by_them() {
    let cloud = Cloud::anywhere();
    let owner = cloud.images_of(&Identity::member());
    let with = |value: &str| {
        let request = owner
            .new_disk("p")
            .header("x-image-meta-property-base-image", value);
        owner.send(request).expect(201).json()["image"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (with("one"), with("two"));

    assert_eq!(owner.list("?property-base_image=one"), [first]);
    assert_eq!(owner.list("/detail?property-base_image=two"), [second]);
    assert!(owner.list("?property-base_image=three").is_empty());
}
