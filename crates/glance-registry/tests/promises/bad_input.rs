//! Bad input: a clear refusal each time, nothing changed, and the daemon as it was.

use serde_json::json;

use crate::harness::{ADMIN, Place, T1};

#[test]
fn bodies_that_mean_nothing_are_refused() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    let deep = format!(
        "{{\"image\": {}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for body in [
        "",
        "x",
        "1",
        "null",
        "[]",
        "{}",
        "{\"image\": []}",
        "{\"image\": {\"name\": \"\\ud800\"}}",
        "{\"image\": {\"name\": \"\\u0000\"}}",
        "{\"image\": {\"size\": 1e400}}",
        "{\"image\": {\"size\": 99999999999999999999999999}}",
        "{\"image\": {\"size\": -1}}",
        "{\"image\": {\"properties\": {\"a\": []}}}",
        "{\"image\": {\"status\": 5}}",
        "{\"image\": {\"min_disk\": {}}}",
        "{\"image\": {\"name\": \"\u{fffd}",
        &deep,
    ] {
        for (method, path) in [
            ("POST", "/images".to_owned()),
            ("PUT", format!("/images/{id}")),
        ] {
            let answer = registry.send(T1, method, &path, &[], Some(body));
            assert_eq!(answer.status, 400, "{method} {:.60} {answer:?}", body);
        }
    }
    let image = registry.get(T1, &format!("/images/{id}")).image();
    assert_eq!(
        (image["status"].as_str(), image["name"].as_str()),
        (Some("queued"), None)
    );
}

#[test]
fn bodies_that_are_too_long_are_refused_unread() {
    let place = Place::new();
    let registry = place.start();
    let head = "POST /images HTTP/1.1\r\nHost: x\r\nX-Auth-Token: u1:t1:member\r\nConnection: close\r\nContent-Length: 10485760\r\n\r\n";
    assert_eq!(registry.raw(head.as_bytes()).unwrap().status, 413);
    let long = json!({"image": {"name": "x".repeat(2 << 20)}}).to_string();
    let answer = registry.try_send(T1, "POST", "/images", &[], Some(&long));
    assert!(answer.is_none_or(|answer| answer.status == 413));
    assert_eq!(registry.get(T1, "/images").names().len(), 0);
}

#[test]
fn strange_ids_and_queries_are_no_failure() {
    let place = Place::new();
    let registry = place.start();
    for path in [
        "/images/%D0%B6",
        "/images/%00",
        "/images/..%2F..",
        "/images/x%27%20OR%201=1",
        "/images/detail/x",
        &format!("/images/{}", "x".repeat(5000)),
        "//images",
        "/images//members",
        "/images/a/members/",
        "/leases/",
        "/rpc",
        "/v1/images",
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = registry.send(T1, method, path, &[], None);
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path} {answer:?}"
            );
        }
    }
    for (query, status) in [
        ("name=%D0%B6", 200),
        ("name=a%00b", 200),
        ("name=%27%3B--", 200),
        ("name=%FF", 400),
        ("name=a:b", 400),
        ("name=in:%22a", 400),
        ("limit=-1", 400),
        ("limit=1e9", 400),
        ("limit=99999999999999999999", 200),
        ("size_min=9223372036854775808", 400),
        ("size_max=x", 400),
        ("min_ram=99999999999999999999", 200),
        ("marker=%F0%9F%98%80", 400),
        ("marker=", 400),
        ("sort_key=id%3Bdrop", 400),
        ("sort_dir=up", 400),
        ("changes-since=9999-12-31T23:59:59", 200),
        ("property-=x&property-%00=%00", 200),
        ("is_public=maybe", 200),
        ("protected=", 400),
    ] {
        let answer = registry.get(T1, &format!("/images?{query}"));
        assert_eq!(answer.status, status, "{query} {answer:?}");
    }
    assert_eq!(registry.get(ADMIN, "/images?is_public=maybe").status, 400);
}

#[test]
fn ids_that_no_column_can_hold_are_those_of_nothing() {
    let place = Place::new();
    let registry = place.start();
    let change = json!({"image": {"name": "x"}});
    let lease = json!({"holder": "h", "seconds": 1, "store": "file", "bytes": 1, "quota": null});
    for id in [
        "%F0%9F%98%80",
        "a%00",
        &"x".repeat(37),
        &"%D0%B6".repeat(37),
    ] {
        for caller in [T1, ADMIN] {
            let path = format!("/images/{id}");
            for answer in [
                registry.get(caller, &path),
                registry.put(caller, &path, &change),
                registry.delete(caller, &path),
                registry.get(caller, &format!("{path}/members")),
                registry.send(caller, "PUT", &format!("{path}/members/m"), &[], None),
                registry.put(caller, &format!("/leases/{id}"), &lease),
            ] {
                assert_eq!(answer.status, 404, "{path} {answer:?}");
            }
        }
    }
}

#[test]
fn texts_that_a_column_cannot_hold_are_refused() {
    let place = Place::new();
    let registry = place.start();
    let (text, stranger) = ("\u{1f600}", "u:\u{1f600}:member");
    let id = registry.create(T1, json!({"name": "a"}));
    let path = format!("/images/{id}");
    // In Glance's words, which are the same for every database.
    for field in ["name", "owner", "disk_format", "container_format"] {
        let answer = registry.put(ADMIN, &path, &json!({"image": {field: text}}));
        assert_eq!(answer.status, 400, "{field} {answer:?}");
    }
    for filter in ["name", "property-p", "property-%F0%9F%98%80"] {
        let query = format!("/images?{filter}=%F0%9F%98%80");
        assert!(registry.get(T1, &query).names().is_empty(), "{filter}");
    }
    // Members, and tenants, which Glance does not look at: MySQL's utf8 ends at U+FFFF.
    let refused = place.has_narrow_texts();
    let member = format!("{path}/members/%F0%9F%98%80");
    for (answer, else_status) in [
        (registry.send(T1, "PUT", &member, &[], None), 204),
        (registry.get(stranger, "/images"), 200),
        (registry.get(stranger, "/images/detail"), 200),
        (registry.get(T1, "/shared-images/%F0%9F%98%80"), 200),
        (registry.get(stranger, &path), 200),
        (registry.delete(T1, &member), 204),
    ] {
        let gone = refused && answer.status == 404;
        let status = if refused { 400 } else { else_status };
        assert!(gone || answer.status == status, "{answer:?}");
    }
    let members = registry.get(T1, &format!("{path}/members")).json();
    assert_eq!(members, json!({"members": []}));
    assert_eq!(registry.get(T1, &path).image()["name"], "a");
}

#[test]
fn memberships_that_mean_nothing_are_refused() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({}));
    let path = format!("/images/{id}/members");
    for body in [
        "[]",
        "[1]",
        "{\"memberships\": null}",
        "{\"memberships\": 5}",
        "{\"memberships\": [5]}",
        "{\"memberships\": [{\"member_id\": 5}]}",
        "{\"memberships\": [{\"member_id\": \"\"}]}",
        "{\"memberships\": [{\"member_id\": \"a\\u0000\"}]}",
        "{\"memberships\": {\"a\": 1}}",
        "{}",
    ] {
        let answer = registry.send(T1, "PUT", &path, &[], Some(body));
        assert_eq!(answer.status, 400, "{body} {answer:?}");
        assert!(
            answer.text.contains("Invalid membership association: "),
            "{answer:?}"
        );
    }
    assert_eq!(registry.send(T1, "PUT", &path, &[], None).status, 400);
    assert_eq!(
        registry
            .send(T1, "PUT", &format!("{path}/{}", "m".repeat(300)), &[], None)
            .status,
        400
    );
    assert_eq!(registry.get(T1, &path).json(), json!({"members": []}));
    // Names are any text, and Glance's failure for those outside of ASCII is not ours.
    assert_eq!(
        registry
            .send(T1, "PUT", &format!("{path}/%D0%B6"), &[], None)
            .status,
        204
    );
    assert_eq!(
        registry.get(T1, &path).json()["members"][0]["member_id"],
        "ж"
    );
}

#[test]
fn leases_that_mean_nothing_are_refused() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"status": "queued"}));
    for body in [
        json!({}),
        json!({"holder": "", "seconds": 1, "store": "file", "bytes": 1, "quota": null}),
        json!({"holder": "h", "seconds": -1, "store": "file", "bytes": 1, "quota": null}),
        json!({"holder": "h", "seconds": 1, "store": "file", "bytes": u64::MAX, "quota": null}),
    ] {
        let answer = registry.put(T1, &format!("/leases/{id}"), &body);
        assert_eq!(answer.status, 400, "{body} {answer:?}");
    }
    assert_eq!(registry.delete(T1, &format!("/leases/{id}")).status, 400);
}

#[test]
fn a_leap_second_is_no_time() {
    let place = Place::new();
    let registry = place.start();
    let body = json!({"image": {"status": "queued", "created_at": "2016-12-31T23:59:60"}});
    let answer = registry.send(ADMIN, "POST", "/images", &[], Some(&body.to_string()));
    assert_eq!(answer.status, 400, "{answer:?}");
}
