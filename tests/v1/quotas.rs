//! `user_storage_quota`: in all its units, and with what is on its way.

use std::time::Duration;

use functional::{Request, Setup, eventually, patterned, within};

#[test]
fn every_unit_is_understood() {
    for (quota, bytes) in [
        ("1000", 1000),
        ("1000B", 1000),
        ("1KB", 1024),
        ("1MB", 1 << 20),
    ] {
        let cloud = Setup::new().api("user_storage_quota", quota).start();
        let owner = cloud.newcomer();
        let over = owner.new_disk("over").data(patterned(bytes + 1, 1));
        let refusal = owner.send(over).expect(413);
        assert!(refusal.text().contains("exceed"), "{}", refusal.text());
        owner.create("just", &patterned(bytes, 1));
        owner.send(owner.new_disk("more").data("x")).expect(413);
        cloud.stop();
    }
    for quota in ["1GB", "1TB", "0"] {
        let cloud = Setup::new().api("user_storage_quota", quota).start();
        cloud.newcomer().create("small", &patterned(2 << 20, 1));
        let size = "1099511627777";
        let large = cloud.newcomer();
        let announced = large.new_disk("large").header("Content-Length", size);
        let announced = announced.header("Content-Type", "application/octet-stream");
        let announced = announced.header("Expect", "100-continue").by(&large.caller);
        let mut connection = cloud.connect();
        connection.send_head(&announced).unwrap();
        // Above both quotas and image_size_cap's default, of which one refuses it.
        let status = connection.response_head().unwrap().status;
        assert!(matches!(status, 400 | 413), "{quota}: {status}");
        cloud.stop();
    }
    for quota in ["1PB", "-1", "much"] {
        let cloud = Setup::new().api("user_storage_quota", quota).prepare();
        let (conf, log) = (cloud.path("glance-api.conf"), cloud.path("start.out"));
        let mut api = functional::Daemon::start("glance-api", &conf, &log, &[]);
        assert_eq!(api.wait(10).code(), Some(1));
        assert!(api.log().contains("user_storage_quota"), "{}", api.log());
    }
}

#[test]
fn what_is_being_uploaded_counts() {
    let cloud = Setup::new().api("user_storage_quota", "1000000B").start();
    let owner = cloud.newcomer();
    let mut upload = cloud.connect();
    let head = owner
        .new_disk("announced")
        .by(&owner.caller)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "600000");
    upload.send_head(&head).unwrap();
    upload.write(&patterned(100, 1)).unwrap();
    let saving = || {
        cloud
            .every_image()
            .iter()
            .any(|image| image["status"] == "saving")
    };
    eventually("the upload runs", 5, saving);
    // All that was announced counts, not only what has come.
    owner
        .send(owner.new_disk("second").data(patterned(500_000, 2)))
        .expect(413);
    owner.create("fits", &patterned(400_000, 3));
    // Data of unknown length is cut where nothing is left.
    owner
        .send(
            owner
                .new_disk("third")
                .chunked(patterned(100_000, 4), 10_000),
        )
        .expect(413);
    upload.write(&patterned(600_000, 1)[100..]).unwrap();
    upload.response(false).unwrap().expect(201);
    owner.send(owner.new_disk("full").data("x")).expect(413);
    cloud.check_invariants(5);

    // Who goes away gives his room back.
    let other = cloud.newcomer();
    let mut upload = cloud.connect();
    upload
        .send_head(
            &Request::post("/v1/images")
                .raw_disk("left")
                .by(&other.caller)
                .header("Content-Type", "application/octet-stream")
                .header("Content-Length", "1000000"),
        )
        .unwrap();
    upload.write(&patterned(100, 1)).unwrap();
    eventually("the other upload runs", 5, saving);
    drop(upload);
    let made = within(Duration::from_secs(10), || {
        let answer = other.send(other.new_disk("after").data(patterned(1_000_000, 5)));
        (answer.status == 201).then_some(())
    });
    assert!(made.is_some());
    cloud.stop();
}
