//! One line per request, with everything one looks for and nothing secret.

use functional::{Request, Setup, eventually};

#[test]
fn each_request_is_one_line() {
    let mut cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let caller = owner.caller.clone();
    let request = owner
        .new_disk("logged")
        .header("X-Openstack-Request-Id", "req-story");
    let answer = owner.send(request.data("12345")).expect(201);
    assert_eq!(answer.header("X-Openstack-Request-Id"), Some("req-story"));

    let is_ours = |line: &&str| line.contains("req-story") && line.contains("POST");
    eventually("it is logged", 5, || {
        cloud.api().log().lines().any(|line| is_ours(&line))
    });
    let log = cloud.api().log();
    let lines: Vec<&str> = log.lines().filter(is_ours).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in [
        "/v1/images",
        " 201",
        caller.tenant.as_str(),
        &answer.body.len().to_string(),
    ] {
        assert!(lines[0].contains(part), "{part} is missing: {}", lines[0]);
    }
    assert!(lines[0].contains(" INFO "), "{}", lines[0]);
    let registry = cloud.registry().log();
    assert!(
        registry.contains("req-story"),
        "the registry does not know the request's id: {registry}"
    );
    cloud.stop();
}

#[test]
fn refusals_are_logged_too() {
    let mut cloud = Setup::new().start();
    cloud.send(Request::get("/v1/images")).expect(401);
    let owner = cloud.newcomer();
    owner
        .download("00000000-0000-4000-8000-000000000000")
        .expect(404);
    eventually("both are logged", 5, || {
        let log = cloud.api().log();
        log.contains(" 401") && log.contains(" 404")
    });
    cloud.stop();
}

#[test]
fn no_credential_is_in_a_log() {
    let cloud = Setup::new().both("DEFAULT", "debug", "True").start();
    let owner = cloud.newcomer();
    let token = owner.caller.token();
    let id = owner.create("secret", b"12345");
    owner.download(&id).expect(200);
    let bad = Request::post("/v1/images").raw_disk("x").header(
        "x-image-meta-location",
        "http://someone:hidden-word@127.0.0.1:1/x",
    );
    owner.send(bad);
    owner.delete(&id).expect(200);
    let log = cloud.logs();
    assert!(!log.contains(&token), "a token is in the log");
    assert!(!log.contains("hidden-word"), "a password is in the log");
    cloud.stop();
}

#[test]
fn no_answer_tells_where_the_data_is() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.create("lost", b"12345");
    std::fs::remove_file(cloud.data_directory().join(&id)).unwrap();
    let answer = owner.download(&id).expect(404);
    let place = cloud.data_directory().display().to_string();
    assert!(!answer.text().contains(&place), "{}", answer.text());
    owner.show(&id).expect(200);
    owner.delete(&id).expect(200);
    cloud.stop();
}
