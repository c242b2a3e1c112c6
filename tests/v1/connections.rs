//! Connections: kept, closed, and used for many requests at once.

use std::time::Duration;

use functional::{Cloud, Connection, Request, Setup, patterned};

#[test]
fn one_serves_many_requests() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    let mut ids = Vec::new();
    for number in 0..5 {
        let post = owner.new_disk("kept").by(&owner.caller);
        let post = post.data(patterned(100_000, number));
        let image = connection.exchange(&post).unwrap().expect(201).json();
        ids.push(image["image"]["id"].as_str().unwrap().to_owned());
    }
    for (number, id) in ids.iter().enumerate() {
        let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
        let data = connection.exchange(&get).unwrap().expect(200).body;
        assert!(data == patterned(100_000, number as u32));
        let head = Request::head(format!("/v1/images/{id}")).by(&owner.caller);
        connection.exchange(&head).unwrap().expect(200);
        // An error does not end it either, nor does a body that nobody read.
        let refused = owner
            .new_disk("refused")
            .header("x-image-meta-foo", "1")
            .data("12345");
        connection
            .exchange(&refused.by(&owner.caller))
            .unwrap()
            .expect(400);
    }
}

#[test]
fn is_closed_on_request() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    let get = Request::get("/v1/images")
        .by(&owner.caller)
        .header("Connection", "close");
    let answer = connection.exchange(&get).unwrap().expect(200);
    assert_eq!(answer.header("Connection"), Some("close"));
    assert!(connection.closes_within(Duration::from_secs(5)));
}

#[test]
fn serves_one_request_only_where_configured_so() {
    let cloud = Setup::new().api("http_keepalive", "False").start();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    let get = Request::get("/v1/images").by(&owner.caller);
    connection.exchange(&get).unwrap().expect(200);
    assert!(connection.closes_within(Duration::from_secs(5)));
    cloud.stop();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let ids: Vec<String> = (0..3)
        .map(|number| owner.create(&format!("n{number}"), &[number]))
        .collect();
    let mut connection: Connection = cloud.connect();
    for round in 0..300 {
        let get = Request::get(format!("/v1/images/{}", ids[round % 3])).by(&owner.caller);
        connection.send_head(&get).unwrap();
    }
    for round in 0..300 {
        let answer = connection.response(false).unwrap().expect(200);
        assert_eq!(answer.body, [(round % 3) as u8], "answer {round}");
    }
}

#[test]
fn a_hundred_are_served_at_once() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.create("popular", &patterned(300_000, 1));
    let mut connections: Vec<Connection> = (0..100).map(|_| cloud.connect()).collect();
    for connection in &mut connections {
        let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
        connection.send_head(&get).unwrap();
    }
    for connection in &mut connections {
        let answer = connection.response(false).unwrap().expect(200);
        assert!(answer.complete && answer.body == patterned(300_000, 1));
    }
}
