//! What can go wrong with a start, and how one learns of it.

use std::net::TcpListener;

use crate::operator::{Operator, clean_shell};

#[test]
fn a_second_start_is_refused_with_the_pid_that_runs() {
    let operator = Operator::new();
    operator.control("registry", "start").expect(0);
    let pid = operator.pid("registry").unwrap();
    let said = operator.control("registry", "start");
    assert_ne!(said.code, Some(0), "{}", said.text);
    assert!(
        said.text.contains("already") && said.text.contains(&pid.to_string()),
        "{}",
        said.text
    );
    assert_eq!(operator.pid("registry"), Some(pid));
    operator.control("registry", "stop").expect(0);
}

#[test]
fn a_stale_pid_file_is_in_nobodys_way() {
    let operator = Operator::new();
    // Of a process that is gone, of one that is something else, and of none at all.
    for content in [
        "4194000\n".to_owned(),
        format!("{}\n", std::process::id()),
        "rubbish".to_owned(),
    ] {
        std::fs::write(operator.pid_file("registry"), &content).unwrap();
        let said = operator.control("registry", "status").expect(3);
        assert!(said.contains("is stopped"), "{said}");
        operator.control("registry", "start").expect(0);
        operator.control("registry", "stop").expect(0);

        std::fs::write(operator.pid_file("registry"), &content).unwrap();
        operator.control("registry", "stop").expect(0);
        assert!(!operator.pid_file("registry").exists());
    }
}

#[test]
fn a_server_that_was_killed_can_be_started() {
    let operator = Operator::new();
    operator.control("registry", "start").expect(0);
    let pid = operator.pid("registry").unwrap();
    std::process::Command::new("kill")
        .arg("-9")
        .arg(pid.to_string())
        .status()
        .unwrap();
    functional::eventually("it is seen as stopped", 5, || {
        operator.control("registry", "status").code == Some(3)
    });
    operator.control("registry", "start").expect(0);
    operator.control("registry", "stop").expect(0);
}

#[test]
fn a_start_that_fails_says_why() {
    let mut operator = Operator::new();
    let _taken = TcpListener::bind(operator.cloud.address()).unwrap();
    let said = operator.control("api", "start");
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("in use"), "{}", said.text);
    assert_eq!(operator.pid("api"), None);

    operator.cloud.set_api("DEFAULT", "bind_port", "many");
    let said = operator.control("api", "start");
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("bind_port"), "{}", said.text);
    operator.control("api", "status").expect(3);
}

#[test]
fn a_missing_file_is_named() {
    let operator = Operator::new();
    std::fs::remove_file(operator.conf("api")).unwrap();
    let said = operator.control("api", "start");
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("glance-api.conf"), "{}", said.text);
}

#[test]
fn wrong_usage_ends_with_2() {
    for line in [
        "",
        "api",
        "nonesuch start",
        "api dance",
        "--await-child x api start",
    ] {
        let output = clean_shell("glance-control")
            .args(line.split_whitespace())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("usage:"),
            "{line:?}"
        );
    }
}
