//! Two real servers, the second of which takes the first one's place.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Place, T1, assert_unavailable};
use crate::own_database::connect;

/// A PostgreSQL of the test's own; it ends with the test.
struct Server {
    directory: TempDir,
    variables: HashMap<String, String>,
}

impl Server {
    fn start(primary: Option<&Self>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = script("start", directory.path());
        command.args(["--owner", &std::process::id().to_string()]);
        if let Some(primary) = primary {
            command.env("POSTGRES_PRIMARY", primary.url("POSTGRES_ADMIN_URL"));
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let variables = text.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        });
        Self {
            directory,
            variables: variables.collect(),
        }
    }

    fn url(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// Its host and port.
    fn address(&self) -> &str {
        let url = self.url("POSTGRES_URL");
        url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0
    }

    fn say(&self, sql: &str) {
        connect(self.url("POSTGRES_ADMIN_URL")).batch(sql).unwrap();
    }

    /// As a crash ends it.
    fn kill(&self) {
        let noted = std::fs::read_to_string(self.directory.path().join("run/server")).unwrap();
        let number = noted.split_whitespace().next().unwrap();
        let killed = Command::new("kill").args(["-9", number]).status();
        assert!(killed.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = script("stop", self.directory.path()).output();
    }
}

fn script(what: &str, directory: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/services/postgres");
    let mut command = Command::new(script);
    command.arg(what).arg(directory);
    command
}

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
    let primary = Server::start(None);
    let standby = Server::start(Some(&primary));
    let hosts = format!("{},{}", primary.address(), standby.address());
    let place = Place::at(&format!("postgresql://glance:glance@{hosts}/glance"));
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
    standby.say("SELECT pg_promote()");
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
