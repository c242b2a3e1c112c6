//! `glance-control all`: both servers with one command, as an administrator does it.

use std::path::Path;

use functional::{Cloud, Request, Setup};

use crate::operator::{Outcome, clean_shell};

/// `glance-control all COMMAND` in the directory with both files, from a clean shell.
fn all(cloud: &Cloud, command: &str) -> Outcome {
    let mut line = clean_shell("glance-control");
    line.current_dir(cloud.path(""))
        .env("TMPDIR", cloud.path(""));
    line.args(["all", command]).output().unwrap().into()
}

#[test]
fn are_controlled_together() {
    if Path::new("/var/run/glance/glance-api.pid").exists() {
        println!("not told: this machine has a service of its own");
        return;
    }
    let cloud = Setup::new().prepare();
    all(&cloud, "status").expect(3);
    let said = all(&cloud, "start").expect(0);
    let registry = said.find("Starting glance-registry");
    let api = said.find("Starting glance-api");
    assert!(
        registry.unwrap() < api.unwrap(),
        "the API needs the registry: {said}"
    );
    let owner = cloud.newcomer();
    owner.create("first", b"12345");

    let said = all(&cloud, "status").expect(0);
    assert_eq!(said.matches("is running").count(), 2, "{said}");
    assert_ne!(all(&cloud, "start").code, Some(0));
    all(&cloud, "reload").expect(0);
    assert_eq!(owner.list("").len(), 1);
    let said = all(&cloud, "restart").expect(0);
    assert_eq!(said.matches("Stopping").count(), 2, "{said}");
    assert_eq!(said.matches("Starting").count(), 2, "{said}");
    assert_eq!(owner.list("").len(), 1);
    let said = all(&cloud, "stop").expect(0);
    assert_eq!(said.matches("signal: 15").count(), 2, "{said}");
    all(&cloud, "status").expect(3);
    assert!(cloud.try_send(Request::get("/")).is_err());
}
