//! Where the dialect is, and what is nowhere.

use functional::{Request, Synnefo};

use crate::story::{NOBODYS, PREFIX, Story, fault, get};

#[test]
fn it_is_where_the_prefix_says() {
    let setup = Synnefo::shared().image_service();
    let story = Story::with(setup.api_in("plankton", "prefix", "/plankton"));
    let list = |path: &str| story.send(&story.alice, Request::get(path)).status;
    assert_eq!(list("/plankton/images/detail"), 200);
    assert_eq!(list("/plankton/images"), 200);
    assert!((400..500).contains(&list("/image/v1.0/images/detail")));
}

#[test]
fn a_slash_may_follow_where_the_server_lets_it() {
    let story = Story::begin();
    let status = |path: &str| story.send(&story.alice, get(path)).status;
    for path in ["/images", "/images/", "/images/detail"] {
        assert_eq!(status(path), 200, "{path}");
    }
    let id = story.register(&story.alice, "x", b"data");
    for path in [
        "/images/detail/".to_owned(),
        format!("/images/{id}/"),
        format!("/images/{id}/members/"),
        format!("/shared-images/{}/", story.bob.uuid),
    ] {
        assert_eq!(status(&path), 404, "{path}");
    }
    // Both spellings of the version are one.
    let other = Request::get("/image/v1/images/");
    let list = story.send(&story.alice, other).expect(200).json();
    assert_eq!(list[0]["id"], id);
}

#[test]
fn versions_are_told_without_a_token() {
    let story = Story::begin();
    let links = |href: String| serde_json::json!([{ "rel": "self", "href": href }]);
    for path in ["/image", "/image/", "/image/versions", "/", "/versions"] {
        let answer = story.cloud.send(Request::get(path)).expect(200);
        let versions = answer.json()["versions"].clone();
        assert_eq!(versions.as_array().unwrap().len(), 1, "{path}");
        assert_eq!(versions[0]["id"], "v1.0", "{path}");
        assert_eq!(versions[0]["status"], "CURRENT", "{path}");
        let href = format!("http://{}{PREFIX}/", story.cloud.address());
        assert_eq!(versions[0]["links"], links(href), "{path}");
    }
    // Below the version there is none.
    for path in ["/image/v1.0", "/image/v1.0/", "/image/v1.0/versions"] {
        fault(story.send(&story.alice, Request::get(path)), 404);
    }
}

#[test]
fn what_is_nowhere_is_a_fault() {
    let story = Story::begin();
    for path in [
        "/images/detail/",
        "/image",
        "/shared-images",
        "/shared-images/",
        "/images/x/y",
        "/images/x/members/y/z",
        "/images/x/members/*",
        "/images/%2e%2e/x",
        "/x",
    ] {
        fault(story.send(&story.alice, get(path)), 404);
    }
}

#[test]
fn wrong_methods_are_refused() {
    let story = Story::begin();
    for (method, path) in [
        ("PUT", "/images".to_owned()),
        ("DELETE", "/images/".to_owned()),
        ("HEAD", "/images/".to_owned()),
        ("OPTIONS", "/images/".to_owned()),
        ("PATCH", format!("/images/{NOBODYS}")),
        ("POST", "/images/detail".to_owned()),
        ("POST", format!("/images/{NOBODYS}")),
        ("POST", format!("/images/{NOBODYS}/members")),
        ("DELETE", format!("/images/{NOBODYS}/members")),
        ("GET", format!("/images/{NOBODYS}/members/x")),
        ("POST", "/shared-images/x".to_owned()),
        ("DELETE", "/shared-images/x".to_owned()),
    ] {
        let request = Request::new(method, format!("{PREFIX}{path}"));
        let answer = story.send(&story.alice, request);
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.header("Allow").is_some(), "{method} {path}");
    }
}

#[test]
fn the_other_dialect_is_not_there() {
    let story = Story::begin();
    for path in ["/v1/images", "/v1/images/detail"] {
        let answer = story.send(&story.alice, Request::get(path));
        fault(answer, 404);
    }
}
