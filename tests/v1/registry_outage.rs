//! The registry is away or hangs: metadata calls say so at once, uploads wait for it.

use std::time::{Duration, Instant};

use functional::{Request, Response, Setup, Signal, patterned};

#[track_caller]
fn unavailable(answer: Response) {
    let answer = answer.expect(503);
    let retry: u32 = answer
        .header("Retry-After")
        .expect("Retry-After")
        .parse()
        .unwrap();
    assert!(retry > 0);
}

#[test]
fn every_call_is_told_to_come_back() {
    let mut cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.create("there", b"12345");
    cloud.take_registry().kill();

    let owner = cloud.images_of(&functional::Identity::member());
    unavailable(owner.send(Request::get("/v1/images")));
    unavailable(owner.send(Request::get("/v1/images/detail")));
    unavailable(owner.send(Request::get(format!("/v1/images/{id}"))));
    unavailable(
        owner.send(Request::put(format!("/v1/images/{id}")).header("x-image-meta-name", "x")),
    );
    unavailable(owner.send(Request::delete(format!("/v1/images/{id}"))));
    unavailable(owner.send(Request::get(format!("/v1/images/{id}/members"))));
    unavailable(owner.send(Request::put(format!("/v1/images/{id}/members/m"))));
    unavailable(owner.send(Request::get("/v1/shared-images/m")));
    unavailable(owner.send(owner.new_disk("metadata")));
    owner.show(&id).expect(503);
    cloud.send(Request::get("/")).expect(300);

    cloud.start_registry();
    assert_eq!(
        cloud.administrator().download(&id).expect(200).body,
        b"12345"
    );
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn a_body_is_not_asked_for_in_vain() {
    let mut cloud = Setup::new().start();
    cloud.take_registry().kill();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    let post = owner
        .new_disk("large")
        .by(&owner.caller)
        .header("Expect", "100-continue")
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "1000000000");
    connection.send_head(&post).unwrap();
    unavailable(connection.response_head().unwrap());
    cloud.nothing_is_stored();
}

#[test]
fn a_hanging_registry_is_not_waited_for_long() {
    let mut cloud = Setup::new().api("registry_client_timeout", "2").start();
    let owner = cloud.newcomer();
    owner.create("there", b"12345");
    cloud.registry().signal(Signal::STOP);
    let owner = cloud.images_of(&functional::Identity::member());
    let start = Instant::now();
    unavailable(owner.send(Request::get("/v1/images")));
    unavailable(owner.send(owner.new_disk("with data").data("12345")));
    assert!(
        start.elapsed() < Duration::from_secs(40),
        "{:?}",
        start.elapsed()
    );
    // Other requests do not queue up behind the ones that wait.
    cloud.send(Request::get("/")).expect(300);

    cloud.registry().signal(Signal::CONT);
    cloud.check_invariants(40);
    cloud.stop();
}

#[test]
fn an_upload_that_has_begun_outlives_a_restart() {
    let mut cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let caller = owner.caller.clone();
    let data = patterned(3_000_000, 1);
    let mut upload = owner.begin_upload(data.len());
    upload.write(&data[..1_000_000]).unwrap();

    cloud.take_registry().kill();
    upload.write(&data[1_000_000..]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    cloud.start_registry();
    let image = upload.response(false).unwrap().expect(201).json()["image"].clone();
    assert_eq!(image["status"], "active");
    let read = cloud
        .images_of(&caller)
        .download(image["id"].as_str().unwrap())
        .expect(200);
    assert!(read.body == data);
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn an_upload_that_cannot_be_recorded_leaves_nothing() {
    let mut cloud = Setup::new()
        .both("service", "lease_seconds", "3")
        .api_in("service", "activate_retry_seconds", "2")
        .start();
    let owner = cloud.newcomer();
    let mut upload = owner.begin_upload(2_000_000);
    upload.write(&patterned(1_000_000, 1)).unwrap();
    cloud.take_registry().kill();
    upload.write(&patterned(1_000_000, 2)).unwrap();
    unavailable(upload.response(false).unwrap());

    cloud.start_registry();
    cloud.check_invariants(30);
    assert_eq!(cloud.every_image()[0]["status"], "killed");
    cloud.nothing_is_stored();
    cloud.stop();
}
