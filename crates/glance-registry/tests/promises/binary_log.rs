//! A server of MySQL's kind with a binary log, which does not let everybody make triggers.

use serde_json::json;

use crate::harness::{ADMIN, Place, T1, T2};
use crate::own_server::OwnServer;

const ROOT: &str = "MARIADB_ADMIN_URL";

#[test]
fn a_server_with_a_binary_log_says_what_it_needs_and_then_works_without_it() {
    let server = std::env::var("GLANCE_TEST_DATABASE").unwrap_or_default();
    if !server.starts_with("mysql") {
        return;
    }
    let options = "--log-bin=changes --server-id=1 --binlog-format=ROW";
    let server = OwnServer::start("mariadb", &[("MARIADB_OPTIONS", options)]);
    server.say(
        ROOT,
        "CREATE USER 'owner'@'%' IDENTIFIED BY 'owner'; GRANT ALL ON glance.* TO 'owner'@'%'",
    );
    let address = server.address("MARIADB_URL");
    let place = Place::at(&format!("mysql://owner:owner@{address}/glance"));

    let (status, said) = place.manage(&["db_sync"]);
    let advice = "SET GLOBAL log_bin_trust_function_creators = 1";
    assert!(status == 1 && said.contains(advice), "{status}: {said}");
    assert!(!said.contains("owner:owner"), "{said}");
    assert_ne!(place.manage(&["db_check"]).0, 0);

    server.say(ROOT, advice);
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    assert_eq!(place.manage(&["db_check"]).0, 0);
    server.say(ROOT, "SET GLOBAL log_bin_trust_function_creators = 0");

    // The triggers do their work all the same.
    let registry = place.start();
    let image = json!({"name": "lent", "disk_format": "raw", "container_format": "bare"});
    let id = registry.create(T2, image);
    let path = format!("/images/{id}/members/t1");
    let member = json!({"member": {"can_share": false}});
    assert_eq!(registry.put(T2, &path, &member).status, 204);
    assert_eq!(registry.get(T1, "/images").names(), ["lent"]);
    assert_eq!(registry.delete(ADMIN, &path).status, 204);
    assert!(registry.get(T1, "/images").names().is_empty());
}
