//! Two real servers, the second of which takes the first one's place.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Place, T1, assert_unavailable};
use crate::own_database::connect;
use crate::own_server::OwnServer;

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not yet: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_standby_takes_the_place_of_a_server_that_was_lost() {
    let server = std::env::var("GLANCE_TEST_DATABASE").unwrap_or_default();
    if !server.starts_with("postgres") {
        return;
    }
    let primary = OwnServer::start("postgres", &[]);
    let follows = [("POSTGRES_PRIMARY", primary.url("POSTGRES_ADMIN_URL"))];
    let standby = OwnServer::start("postgres", &follows);
    let [first, second] = [&primary, &standby].map(|server| server.address("POSTGRES_URL"));
    let place = Place::at(&format!(
        "postgresql://glance:glance@{first},{second}/glance"
    ));
    let registry = place.start();
    let ids = ["a", "b"].map(|name| registry.create(T1, json!({"name": name})));
    let mut follower = connect(standby.url("POSTGRES_URL"));
    eventually("the standby has what was confirmed", || {
        let count = "SELECT 1 / (CASE WHEN COUNT(*) = 2 THEN 1 ELSE 0 END) FROM images";
        follower.batch(count).is_ok()
    });
    primary.kill();
    let new = json!({"image": {"name": "c", "status": "queued"}});
    assert_unavailable(&registry.post(T1, "/images", &new));
    standby.say("POSTGRES_ADMIN_URL", "SELECT pg_promote()");
    eventually("the standby is used", || {
        registry.post(T1, "/images", &new).status == 200
    });
    assert_eq!(
        registry
            .get(T1, "/images?sort_key=name&sort_dir=asc")
            .names(),
        ["a", "b", "c"]
    );
    for id in ids {
        assert_eq!(registry.get(T1, &format!("/images/{id}")).status, 200);
    }
}
