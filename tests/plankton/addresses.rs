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
fn versions_are_told_without_a_token() {
    let story = Story::begin();
    for path in ["/image/", "/image/versions"] {
        let answer = story.cloud.send(Request::get(path));
        assert!(
            matches!(answer.status, 200 | 300),
            "{path}: {}",
            answer.status
        );
        assert!(answer.text().contains("v1.0"), "{}", answer.text());
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
        assert!(
            matches!(answer.status, 300 | 400 | 404),
            "{}",
            answer.status
        );
    }
}
