//! How logs look and where they go, by Glance's options.

use std::process::Stdio;

use functional::{Cloud, Request, Setup, eventually, invocation};

/// Asks something by which the log is known, and waits until it is in it.
fn ask(cloud: &Cloud, log: impl Fn() -> String) -> String {
    let caller = functional::Identity::member();
    let list = Request::get("/v1/images").by(&caller);
    cloud
        .send(list.header("X-Openstack-Request-Id", "req-look"))
        .expect(200);
    eventually("it is logged", 5, || log().contains("req-look"));
    log()
        .lines()
        .find(|line| line.contains("req-look"))
        .unwrap()
        .to_owned()
}

#[test]
fn lines_look_as_glances_do() {
    let mut cloud = Setup::new().start();
    let log = cloud.path("glance-api.out");
    let line = ask(&cloud, || std::fs::read_to_string(&log).unwrap());
    // 2026-01-31 23:59:59     INFO [name] message
    let (date, rest) = line.split_at(19);
    assert!(
        date.chars()
            .all(|c| c.is_ascii_digit() || "- :".contains(c)),
        "{line}"
    );
    assert!(rest.starts_with("     INFO ["), "{line}");
    cloud.take_api().stop();
    cloud.take_registry().stop();
}

#[test]
fn the_format_is_an_option() {
    let cloud = Setup::new()
        .api("log_format", "%(levelname)s|%(asctime)s|%(message)s")
        .api("log_date_format", "%Y")
        .start();
    let log = cloud.path("glance-api.out");
    let line = ask(&cloud, || std::fs::read_to_string(&log).unwrap());
    assert!(line.starts_with("INFO|2"), "{line}");
    assert_eq!(
        line.find('|').map(|at| line[at + 1..].find('|')),
        Some(Some(4)),
        "{line}"
    );
    cloud.stop();
}

#[test]
fn the_command_line_wins() {
    let mut cloud = Setup::new()
        .api("log_file", "/nonexistent/api.log")
        .prepare();
    cloud.start_registry();
    let log = cloud.path("logs").join("chosen.log");
    std::fs::create_dir(cloud.path("logs")).unwrap();
    let mut api = invocation("glance-api")
        .arg(cloud.path("glance-api.conf"))
        .arg("--log-dir")
        .arg(cloud.path("logs"))
        .args([
            "--log_file",
            "chosen.log",
            "--log-format",
            "mine %(message)s",
            "--log-date-format",
            "%H",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it answers", 10, || {
        cloud.try_send(Request::get("/")).is_ok()
    });
    let line = ask(&cloud, || std::fs::read_to_string(&log).unwrap_or_default());
    assert!(line.starts_with("mine "), "{line}");
    api.kill().unwrap();
    api.wait().unwrap();
    cloud.take_registry().stop();
}

#[test]
fn debugging_says_more() {
    let refused = |cloud: &Cloud| {
        let owner = cloud.newcomer();
        owner
            .download("00000000-0000-4000-8000-000000000000")
            .expect(404);
        let log = cloud.path("glance-api.out");
        ask(cloud, || std::fs::read_to_string(&log).unwrap());
    };
    let loud = Setup::new().api("debug", "True").start();
    refused(&loud);
    eventually("it says why", 5, || loud.logs().contains("DEBUG"));
    loud.stop();
    let quiet = Setup::new().start();
    refused(&quiet);
    assert!(!quiet.logs().contains("DEBUG"));
    quiet.stop();
}
