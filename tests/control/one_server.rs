//! Start, status, reload, restart and stop of one server.

use functional::eventually;

use crate::operator::Operator;

#[test]
fn starts_reports_and_stops() {
    let operator = Operator::new();
    let said = operator.control("registry", "status").expect(3);
    assert!(said.contains("glance-registry is stopped"), "{said}");

    let said = operator.control("registry", "start").expect(0);
    let conf = operator.conf("registry");
    assert!(
        said.contains(&format!("Starting glance-registry with {conf}")),
        "{said}"
    );
    let said = operator.control("api", "start").expect(0);
    assert!(said.contains("Starting glance-api with "), "{said}");
    assert!(
        operator.api_answers(),
        "a start that succeeded is a server that answers"
    );

    let pid = operator.pid("api").unwrap();
    let said = operator.control("api", "status").expect(0);
    assert!(
        said.contains(&pid.to_string()) && said.contains("is running"),
        "{said}"
    );

    let said = operator.control("api", "stop").expect(0);
    assert!(
        said.contains(&format!("Stopping glance-api pid: {pid} signal: 15")),
        "{said}"
    );
    assert!(!operator.api_answers());
    assert_eq!(operator.pid("api"), None);
    operator.control("api", "status").expect(3);
    let said = operator.control("api", "stop").expect(0);
    assert!(said.contains("already stopped"), "{said}");
    operator.control("registry", "stop").expect(0);
}

#[test]
fn a_restart_is_another_process() {
    let operator = Operator::new();
    operator.control("registry", "start").expect(0);
    operator.control("api", "start").expect(0);
    let first = operator.pid("api").unwrap();

    let said = operator.control("api", "restart").expect(0);
    let stopping = said.find(&format!("Stopping glance-api pid: {first} signal: 15"));
    let starting = said.find("Starting glance-api with ");
    assert!(stopping.unwrap() < starting.unwrap(), "{said}");
    assert_ne!(operator.pid("api").unwrap(), first);
    assert!(operator.api_answers());
    operator.control("api", "stop").expect(0);
    operator.control("registry", "stop").expect(0);
}

#[test]
fn a_reload_is_the_same_process_with_new_options() {
    let mut operator = Operator::new();
    operator.control("registry", "start").expect(0);
    operator.control("api", "start").expect(0);
    let pid = operator.pid("api").unwrap();
    for command in ["reload", "force-reload"] {
        operator.control("api", command).expect(0);
        assert_eq!(operator.pid("api"), Some(pid));
    }
    operator.cloud.set_api("DEFAULT", "image_size_cap", "10");
    operator.control("api", "reload").expect(0);
    let owner = operator.cloud.newcomer();
    eventually("the option counts", 5, || {
        owner
            .send(owner.new_disk("large").data("12345678901"))
            .status
            == 400
    });
    operator.control("api", "shutdown").expect(0);
    assert!(!operator.api_answers());
    let said = operator.control("api", "reload").expect(1);
    assert!(said.contains("is stopped"), "{said}");
    operator.control("registry", "stop").expect(0);
}

#[test]
fn a_server_that_dies_is_started_again_on_request() {
    let operator = Operator::new();
    operator.control("registry", "start").expect(0);
    operator
        .control_with("api", "start", &["--respawn"])
        .expect(0);
    eventually("it answers", 10, || operator.api_answers());
    // One that dies within a second is not worth it.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let first = operator.pid("api").unwrap();
    std::process::Command::new("kill")
        .arg("-9")
        .arg(first.to_string())
        .status()
        .unwrap();
    eventually("another one answers", 10, || {
        operator.pid("api").is_some_and(|pid| pid != first) && operator.api_answers()
    });
    operator.control("api", "stop").expect(0);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(!operator.api_answers(), "it was started again after a stop");
    operator.control("registry", "stop").expect(0);
}
