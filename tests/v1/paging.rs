//! Long lists in pages, with a link to the next one.

use functional::{Cloud, Engine, Images, Request, Response};

fn next_link(answer: &Response) -> Option<String> {
    let link = answer.header("Link")?;
    let (target, rel) = link.split_once('>')?;
    assert!(rel.contains("rel=\"next\""), "{link}");
    Some(target.trim_start_matches('<').to_owned())
}

/// Follows the links from `path` on; the ids of every page.
fn follow(cloud: &Cloud, owner: &Images<'_>, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = path.to_owned();
    loop {
        let answer = owner.send(Request::get(&path)).expect(200);
        pages.push(answer.ids());
        let Some(next) = next_link(&answer) else {
            return pages;
        };
        assert!(pages.len() < 20, "the links lead round in circles");
        let origin = format!("http://{}", cloud.address());
        path = next.strip_prefix(&origin).unwrap_or(&next).to_owned();
    }
}

/// Reserves so many images; their ids, the newest first.
fn reserve(owner: &Images<'_>, count: usize) -> Vec<String> {
    let reserve = |number| {
        let id = owner.reserve(&format!("n{number}"));
        Engine::under_test().let_time_pass();
        id
    };
    let mut ids: Vec<String> = (0..count).map(reserve).collect();
    ids.reverse();
    ids
}

#[test]
fn the_links_lead_through_every_image_once() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let ids = reserve(&owner, 7);

    for path in [
        "/v1/images?limit=3",
        "/v1/images/detail?limit=3",
        "/images?limit=3",
    ] {
        let pages = follow(&cloud, &owner, path);
        assert_eq!(pages.concat(), ids, "{path}");
        assert_eq!(pages[0].len(), 3);
    }
}

#[test]
fn the_links_keep_filters_and_order() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let reserve = |name: &str, value: &str| {
        let request = owner
            .new_disk(name)
            .header("x-image-meta-property-set", value);
        owner.send(request).expect(201).json()["image"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ids = ["a", "b", "c", "d"].map(|name| reserve(name, "x & y"));
    reserve("e", "other");

    let path = "/v1/images?limit=1&sort_key=name&sort_dir=asc&property-set=x%20%26%20y";
    assert_eq!(follow(&cloud, &owner, path).concat(), ids);
}

#[test]
fn a_whole_list_has_no_link() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    owner.reserve("one");
    let answer = owner.send(Request::get("/v1/images")).expect(200);
    assert!(answer.header("Link").is_none());
}

#[test]
fn pages_are_stable_while_images_come() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let ids = reserve(&owner, 4);
    let first = owner.list("?limit=2");
    owner.reserve("newer");
    let second = owner.list(&format!("?limit=2&marker={}", first[1]));
    assert_eq!([first, second].concat(), ids);
}
