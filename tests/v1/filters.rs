//! What a list can be asked for.

use functional::{Cloud, Engine, Identity, Images, Request};

struct Library<'a> {
    owner: Images<'a>,
    small: String,
    large: String,
    queued: String,
}

fn library(cloud: &Cloud) -> Library<'_> {
    let owner = cloud.newcomer();
    let make = |request: Request| {
        let made = owner.send(request).expect(201).json();
        Engine::under_test().let_time_pass();
        made["image"]["id"].as_str().unwrap().to_owned()
    };
    let small = make(
        owner
            .new_disk("small")
            .header("x-image-meta-min-ram", "64")
            .data("12345"),
    );
    let large = Request::post("/v1/images")
        .header("x-image-meta-name", "large")
        .header("x-image-meta-disk_format", "qcow2")
        .header("x-image-meta-container_format", "ovf")
        .header("x-image-meta-min-disk", "7")
        .header("x-image-meta-protected", "True");
    let large = make(large.data(vec![7; 5000]));
    let queued = make(owner.new_disk("queued"));
    Library {
        owner,
        small,
        large,
        queued,
    }
}

#[test]
fn each_filter_selects() {
    let cloud = Cloud::anywhere();
    let library = library(&cloud);
    let (small, large, queued) = (&library.small, &library.large, &library.queued);
    let all = [queued.clone(), large.clone(), small.clone()];
    let other_case = if Engine::under_test().tells_case() {
        &[]
    } else {
        &all[2..]
    };
    for (query, expected) in [
        ("", &all[..]),
        ("name=small", &all[2..]),
        ("name=Small", other_case),
        ("name=in:small,large", &all[1..]),
        ("disk_format=qcow2", &all[1..2]),
        ("container_format=bare&status=active", &all[2..]),
        ("status=queued", &all[..1]),
        ("size_min=5&size_max=4999", &all[2..]),
        ("size_min=5", &all[1..]),
        ("size_max=0", &all[..1]),
        ("min_ram=64", &all[2..]),
        ("min_disk=7", &all[1..2]),
        ("protected=True", &all[1..2]),
        ("protected=false", &[queued.clone(), small.clone()][..]),
        ("is_public=True", &all[..]),
        ("limit=1", &all[..1]),
        ("limit=0", &[]),
        ("unknown=1", &all[..]),
    ] {
        assert_eq!(
            library.owner.list(&format!("?{query}")),
            expected,
            "{query}"
        );
        assert_eq!(
            library.owner.list(&format!("/detail?{query}")),
            expected,
            "{query}"
        );
    }
    let marked = library.owner.list(&format!("?marker={}", all[0]));
    assert_eq!(marked, all[1..]);
}

#[test]
fn every_order_is_served() {
    let cloud = Cloud::anywhere();
    let library = library(&cloud);
    let (small, large, queued) = (&library.small, &library.large, &library.queued);
    for (key, ascending) in [
        ("name", [large, queued, small]),
        ("size", [queued, small, large]),
        ("created_at", [small, large, queued]),
        ("disk_format", [large, small, queued]),
        ("container_format", [small, queued, large]),
    ] {
        let list = |direction| {
            library
                .owner
                .list(&format!("?sort_key={key}&sort_dir={direction}"))
        };
        let mut descending = list("desc");
        assert_eq!(list("asc").iter().collect::<Vec<_>>(), ascending, "{key}");
        descending.reverse();
        assert_eq!(descending.iter().collect::<Vec<_>>(), ascending, "{key}");
    }
}

#[test]
fn deleted_images_are_shown_to_those_who_ask_for_changes() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("gone", b"12345");
    owner.delete(&id).expect(200);
    assert!(owner.list("").is_empty());

    let changes = "/v1/images/detail?changes-since=2000-01-01T00:00:00Z";
    let list = owner.send(Request::get(changes)).expect(200).json();
    assert_eq!(list["images"][0]["id"], id.as_str());
    assert_eq!(list["images"][0]["status"], "deleted");
    assert_eq!(list["images"][0]["deleted"], true);
    assert!(owner.list("?changes-since=2100-01-01T00:00:00Z").is_empty());
}

#[test]
fn an_administrator_sees_by_visibility() {
    let cloud = Cloud::anywhere();
    let name = format!("visible-{}", Identity::member().tenant);
    let owner = cloud.newcomer();
    let private = owner.create(&name, b"1");
    Engine::under_test().let_time_pass();
    let administrator = cloud.administrator();
    let public = administrator
        .new_disk(&name)
        .header("x-image-meta-is_public", "True");
    let public = administrator.send(public.data("2")).expect(201).json();
    let public = public["image"]["id"].as_str().unwrap().to_owned();

    let list = |visibility: &str| administrator.list(&format!("?name={name}{visibility}"));
    assert_eq!(list(""), [public.as_str()]);
    assert_eq!(list("&is_public=True"), [public.as_str()]);
    assert_eq!(list("&is_public=False"), [private.as_str()]);
    assert_eq!(list("&is_public=None"), [public.clone(), private]);
    administrator.delete(&public).expect(200);
}
