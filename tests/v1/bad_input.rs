//! Everything a client can get wrong: each gets a clear 4xx, changes nothing, and the daemons stay
//! as they were.

use std::time::Duration;

use functional::{Cloud, Connection, Identity, Request, Response, Setup};
use serde_json::json;

/// A refusal in Glance's own form: a text that begins with the status.
#[track_caller]
fn refused(what: &str, answer: &Response) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    let form = format!("{} ", answer.status);
    assert!(
        answer.text().starts_with(&form),
        "{what}: {:?}",
        answer.text()
    );
    assert!(
        answer.text().len() > 20,
        "{what}: says nothing: {:?}",
        answer.text()
    );
}

/// Refused before it was a request: there is no form for that, and the connection ends.
#[track_caller]
fn refused_as_no_request(cloud: &Cloud, what: &str, bytes: &[u8]) {
    let mut connection = cloud.connect();
    // The server may stop reading before it has all.
    let _ = connection.write(bytes);
    let answer = connection.response(false);
    if let Ok(answer) = answer {
        // 501 is for transfer codings that nobody knows, as HTTP has it.
        assert!(
            matches!(answer.status, 400..=499 | 501),
            "{what}: {}",
            answer.status
        );
    }
    assert!(
        connection.closes_within(Duration::from_secs(5)),
        "{what}: the connection goes on"
    );
}

/// The daemons answer, and there is no image and no byte.
#[track_caller]
fn nothing_happened(cloud: &Cloud) {
    assert_eq!(cloud.every_image(), Vec::<serde_json::Value>::new());
    cloud.nothing_is_stored();
    assert!(cloud.newcomer().list("").is_empty());
}

fn disk() -> Request {
    Request::post("/v1/images").raw_disk("bad")
}

#[test]
fn wrong_metadata_is_refused() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let long = "n".repeat(256);
    let long_utf8 = "ü".repeat(128);
    let cases: Vec<(&str, &str)> = vec![
        ("x-image-meta-foo", "1"),
        ("x-image-meta-", "1"),
        ("x-image-meta-is-publicc", "True"),
        ("x-image-meta-name", &long),
        ("x-image-meta-name", &long_utf8),
        ("x-image-meta-name", "\u{1f600}"),
        ("x-image-meta-property-p", "\u{1f600}"),
        ("x-image-meta-id", "not-a-uuid"),
        ("x-image-meta-id", "../../../../etc/passwd"),
        ("x-image-meta-id", "{11111111-1111-4111-8111-111111111111}"),
        (
            "x-image-meta-id",
            "urn:uuid:11111111-1111-4111-8111-111111111111",
        ),
        ("x-image-meta-size", "-1"),
        ("x-image-meta-size", "99999999999999999999999999"),
        ("x-image-meta-size", "9223372036854775808"),
        ("x-image-meta-size", "18446744073709551616"),
        ("x-image-meta-size", "1e9"),
        ("x-image-meta-size", "0x10"),
        ("x-image-meta-size", "1.5"),
        ("x-image-meta-size", "five"),
        ("x-image-meta-min_disk", "-1"),
        ("x-image-meta-min_disk", "2147483648"),
        ("x-image-meta-min_ram", "2147483648"),
        ("x-image-meta-min_ram", "99999999999999999999999999"),
        ("x-image-meta-min_ram", "much"),
        ("x-image-meta-checksum", "123456789012345678901234567890123"),
        ("x-image-meta-created_at", "yesterday"),
        ("x-image-meta-store", "nonesuch"),
        ("x-image-meta-location", "file:///etc/passwd"),
        ("x-image-meta-location", "gopher://127.0.0.1/"),
        ("x-image-meta-location", ""),
        ("x-glance-api-copy-from", "file:///etc/passwd"),
        ("x-glance-api-copy-from", "swift+config://a/b/c"),
    ];
    for (name, value) in cases {
        let request = Request::post("/v1/images")
            .header("x-image-meta-disk_format", "raw")
            .header("x-image-meta-container_format", "bare")
            .header(name, value);
        let what = format!("{name}: {value}");
        refused(&what, &owner.send(request));
        assert!(owner.list("").is_empty(), "{what} left an image");
    }
    for (disk, container) in [
        ("bad", "bare"),
        ("RAW", "bare"),
        ("raw", "bad"),
        ("", "bare"),
        ("ami", "bare"),
        ("raw", "aki"),
    ] {
        let request = Request::post("/v1/images")
            .header("x-image-meta-disk_format", disk)
            .header("x-image-meta-container_format", container);
        refused(
            &format!("{disk} in {container}"),
            &owner.send(request.data("12345")),
        );
    }
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn undecodable_bytes_are_refused() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    refused(
        "a name",
        &owner.send(disk().header("x-image-meta-name", b"\xff\xfe")),
    );
    refused(
        "a property",
        &owner.send(disk().header("x-image-meta-property-a", b"a\xc3(")),
    );
    refused(
        "a query",
        &owner.send(Request::get("/v1/images?name=%ff%fe")),
    );
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn control_characters_are_refused() {
    let cloud = Setup::new().start();
    let token = Identity::member().token();
    for byte in [0_u8, 1, 8, 11, 27, 127] {
        let mut bytes = format!("POST /v1/images HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\n")
            .into_bytes();
        bytes.extend_from_slice(
            b"x-image-meta-disk_format: raw\r\nx-image-meta-container_format: bare\r\n",
        );
        bytes.extend_from_slice(b"Connection: close\r\nx-image-meta-name: a");
        bytes.push(byte);
        bytes.extend_from_slice(b"b\r\n\r\n");
        refused_as_no_request(&cloud, &format!("the character {byte}"), &bytes);
    }
    let owner = cloud.newcomer();
    for path in [
        "/v1/images/%00",
        "/v1/images/a%0d%0ab",
        "/v1/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    ] {
        let answer = owner.send(Request::get(path));
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    let answer = owner.send(Request::get("/v1/images?name=%00"));
    assert!(answer.status < 500, "{}", answer.text());
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn ambiguous_lengths_are_refused() {
    let cloud = Setup::new().start();
    let token = Identity::member().token();
    let head = format!(
        "POST /v1/images HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\nx-image-meta-name: x\r\n\
         x-image-meta-disk_format: raw\r\nx-image-meta-container_format: bare\r\n\
         Content-Type: application/octet-stream\r\n"
    );
    for (what, rest) in [
        (
            "both lengths",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
        ),
        (
            "both, turned",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
        ),
        (
            "two lengths",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        ),
        ("a word", "Content-Length: abc\r\n\r\n"),
        ("a sum", "Content-Length: +5\r\n\r\n12345"),
        (
            "too many digits",
            "Content-Length: 99999999999999999999999999\r\n\r\n",
        ),
        (
            "an unknown coding",
            "Transfer-Encoding: gzip, identity\r\n\r\n12345",
        ),
    ] {
        refused_as_no_request(&cloud, what, format!("{head}{rest}").as_bytes());
    }
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn broken_chunks_kill_and_leave_nothing() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    for chunks in [
        "zz\r\n12345\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n12345",
        "5\r\n1234567\r\n0\r\n\r\n",
        "-5\r\n12345\r\n",
    ] {
        let request = owner
            .new_disk("chunks")
            .by(&owner.caller)
            .header("Content-Type", "application/octet-stream")
            .header("Transfer-Encoding", "chunked");
        let mut connection = cloud.connect();
        connection.send_head(&request).unwrap();
        let _ = connection.write(chunks.as_bytes());
        if let Ok(answer) = connection.response(false) {
            assert!(
                (400..500).contains(&answer.status),
                "{chunks:?}: {}",
                answer.status
            );
        }
    }
    functional::eventually("nothing is saved", 5, || {
        cloud
            .every_image()
            .iter()
            .all(|image| image["status"] == "killed")
    });
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn too_many_and_too_long_headers_are_refused() {
    let cloud = Setup::new().start();
    let token = Identity::member().token();
    let start = format!("GET /v1/images HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\n");
    let many: String = (0..1000)
        .map(|number| format!("X-H{number}: v\r\n"))
        .collect();
    refused_as_no_request(
        &cloud,
        "1,000 headers",
        format!("{start}{many}\r\n").as_bytes(),
    );
    let long = "a".repeat(20_000);
    refused_as_no_request(
        &cloud,
        "a long line",
        format!("{start}X-Long: {long}\r\n\r\n").as_bytes(),
    );
    let large: String = (0..20)
        .map(|number| format!("X-L{number}: {}\r\n", &long[..15_000]))
        .collect();
    refused_as_no_request(
        &cloud,
        "300 kB of headers",
        format!("{start}{large}\r\n").as_bytes(),
    );
    let line = format!("GET /v1/images?name={long} HTTP/1.1\r\nHost: h\r\n\r\n");
    refused_as_no_request(&cloud, "a long request line", line.as_bytes());
    refused_as_no_request(&cloud, "garbage", b"GARBAGE\r\n\r\n");
    refused_as_no_request(
        &cloud,
        "TLS",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    );
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn max_header_line_is_honoured() {
    let cloud = Setup::new().api("max_header_line", "4096").start();
    let owner = cloud.newcomer();
    let fits = "a".repeat(4000);
    owner
        .send(
            owner
                .new_disk("fits")
                .header("x-image-meta-property-p", &fits),
        )
        .expect(201);
    let token = owner.caller.token();
    let long = format!(
        "GET /v1/images HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\nX-Long: {}\r\n\r\n",
        "a".repeat(5000)
    );
    refused_as_no_request(&cloud, "a line of 5,000", long.as_bytes());
    cloud.stop();
}

#[test]
fn malformed_json_is_refused() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.reserve("shared");
    let members = format!("/v1/images/{id}/members");
    let put = |path: &str, body: &str| {
        owner.send(
            Request::put(path)
                .header("Content-Type", "application/json")
                .body(body),
        )
    };
    for body in [
        "{",
        "nonsense",
        "{\"memberships\": ",
        "\u{0}",
        "12",
        "\"text\"",
    ] {
        refused(body, &put(&members, body));
        refused(body, &put(&format!("{members}/tenant"), body));
    }
    for document in [
        json!({"memberships": [{"can_share": true}]}),
        json!({"memberships": [1]}),
        json!({"memberships": "all"}),
        json!({"memberships": null}),
        json!([]),
        json!([1, 2]),
        json!({"memberships": [{"member_id": "m".repeat(300)}]}),
        json!({"memberships": [{"member_id": 5}]}),
    ] {
        let answer = owner.send(Request::put(&members).json(&document));
        assert!(
            (400..500).contains(&answer.status),
            "{document}: {}",
            answer.status
        );
    }
    let deep = "[".repeat(100_000);
    refused("deep", &put(&members, &deep));
    let answer = put(&members, &" ".repeat(20_000_000));
    assert!(
        (400..500).contains(&answer.status),
        "20 MB: {}",
        answer.status
    );
    let now = owner.send(Request::get(&members)).expect(200).json();
    assert_eq!(now, json!({"members": []}));
    cloud.stop();
}

#[test]
fn wrong_queries_are_refused() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let foreign = cloud.newcomer().reserve("foreign");
    let deleted = owner.reserve("deleted");
    owner.delete(&deleted).expect(200);
    let queries = [
        "limit=-1",
        "limit=abc",
        "limit=",
        "limit=1.5",
        "marker=abc",
        "marker=",
        "marker=00000000-0000-4000-8000-000000000000",
        "size_min=-1",
        "size_min=abc",
        "size_max=1.5",
        "size_max=",
        "min_ram=-1",
        "min_ram=x",
        "is_public=maybe",
        "protected=maybe",
        "protected=None",
        "sort_key=properties",
        "sort_key=id%3Bdrop",
        "sort_key=",
        "sort_dir=up",
        "sort_dir=",
        "changes-since=garbage",
        "changes-since=",
        "changes-since=2000-13-01T00:00:00Z",
    ];
    for query in queries
        .map(str::to_owned)
        .into_iter()
        .chain([format!("marker={foreign}"), format!("marker={deleted}")])
    {
        for path in ["/v1/images", "/v1/images/detail"] {
            refused(&query, &owner.send(Request::get(format!("{path}?{query}"))));
        }
    }
    // Odd, but nothing that could not be looked for.
    for query in [
        "name=%27%3B%20DROP%20TABLE%20images",
        "property-%22%25=%27",
        "changes-since=9999-12-31",
        "limit=1000000000",
        "limit=99999999999999999999999999",
    ] {
        let answer = owner.send(Request::get(format!("/v1/images?{query}")));
        assert!(answer.status < 500, "{query}: {}", answer.text());
    }
    assert!(owner.list("").is_empty());
    cloud.stop();
}

#[test]
fn unknown_methods_are_told_what_is_allowed() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.reserve("there");
    let image = format!("/v1/images/{id}");
    let members = format!("{image}/members");
    for (method, path, allowed) in [
        ("DELETE", "/v1/images", "GET, POST"),
        ("PATCH", "/v1/images", "GET, POST"),
        ("PROPFIND", "/v1/images", "GET, POST"),
        ("POST", "/v1/images/detail", "GET, HEAD"),
        ("POST", image.as_str(), "GET, HEAD, PUT, DELETE"),
        ("PATCH", image.as_str(), "GET, HEAD, PUT, DELETE"),
        ("POST", members.as_str(), "GET, PUT"),
    ] {
        let answer = owner.send(Request::new(method, path)).expect(405);
        assert_eq!(answer.header("Allow"), Some(allowed), "{method} {path}");
    }
    assert_eq!(owner.status(&id), "queued");
    cloud.stop();
}

#[test]
fn ids_that_are_none_find_nothing() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let long = "a".repeat(10_000);
    for id in [
        "x",
        "..",
        "1",
        "11111111-1111-4111-8111-1111111111111",
        long.as_str(),
        "%F0%9F%98%80",
        "%",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let answer = owner.send(Request::new(method, format!("/v1/images/{id}")));
            assert!(
                (300..500).contains(&answer.status),
                "{method} {id}: {}",
                answer.status
            );
        }
    }
    nothing_happened(&cloud);
    cloud.stop();
}

#[test]
fn the_registry_refuses_nonsense_too() {
    let cloud = Setup::new().start();
    let token = Identity::admin().token();
    let send = |method: &str, path: &str, body: &str| {
        let request = Request::new(method, path).header("X-Auth-Token", &token);
        cloud.send_to_registry(
            request
                .header("Content-Type", "application/json")
                .body(body),
        )
    };
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "{\"image\": 5}",
        "{\"image\": {\"size\": \"x\"}}",
        "{\"image\": {\"status\": \"bogus\"}}",
    ] {
        let answer = send("POST", "/images", body);
        assert!(
            (400..500).contains(&answer.status),
            "{body}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert!((400..500).contains(&send("PUT", "/images/x", "{}").status));
    let mut connection = Connection::open(cloud.registry_address()).unwrap();
    connection.write(b"GARBAGE\r\n\r\n").unwrap();
    assert!(connection.closes_within(Duration::from_secs(5)));
    nothing_happened(&cloud);
    cloud.stop();
}
