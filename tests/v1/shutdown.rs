//! Signals: SIGTERM and SIGINT let transfers finish, SIGHUP reads files again.

use std::time::{Duration, Instant};

use functional::{Cloud, Connection, Request, Setup, Signal, eventually, patterned};

fn begin_download(cloud: &Cloud, owner: &functional::Images<'_>, id: &str) -> Connection {
    let mut download = cloud.connect();
    download
        .send_head(&Request::get(format!("/v1/images/{id}")).by(&owner.caller))
        .unwrap();
    download.response_head().unwrap().expect(200);
    download
}

#[test]
fn running_transfers_finish() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut cloud = Setup::new().start();
        let owner = cloud.newcomer();
        let data = patterned(30_000_000, 1);
        let id = owner.create("read", &data);
        let mut download = begin_download(&cloud, &owner, &id);
        let mut read = download.read_up_to(100_000).unwrap();
        let mut upload = owner.begin_upload(1_000_000);
        upload.write(&data[..500_000]).unwrap();

        let caller = owner.caller.clone();
        cloud.api().signal(signal);
        eventually("no new connection is served", 5, || {
            cloud.try_send(Request::get("/")).is_err()
        });
        assert!(
            cloud.api().ended().is_none(),
            "it did not wait for the transfers"
        );
        read.extend(download.read_up_to(data.len() - read.len()).unwrap());
        assert!(read == data, "{} of {} bytes", read.len(), data.len());
        upload.write(&data[500_000..1_000_000]).unwrap();
        upload.response(false).unwrap().expect(201);
        drop((download, upload));
        let status = cloud.api().wait(10);
        assert!(status.success(), "{status}");

        cloud.take_api();
        cloud.start_api();
        assert_eq!(cloud.images_of(&caller).list("?status=active").len(), 2);
        cloud.check_invariants(5);
        cloud.stop();
    }
}

/// glance-api ends by itself though half of an upload is to come; begun again, it leaves nothing of it.
fn cut(mut cloud: Cloud, end: impl FnOnce(&mut Cloud)) {
    let mut upload = cloud.newcomer().begin_upload(1_000_000);
    upload.write(&patterned(500_000, 1)).unwrap();
    end(&mut cloud);
    let status = cloud.api().wait(30);
    assert!(status.success(), "{status}");
    cloud.take_api();
    cloud.start_api();
    cloud.check_invariants(20);
    assert_eq!(cloud.every_image()[0]["status"], "killed");
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn endless_transfers_are_cut_in_time() {
    let cloud = Setup::new()
        .api_in("service", "shutdown_timeout", "1")
        .both("service", "lease_seconds", "3")
        .start();
    cut(cloud, |cloud| cloud.api().signal(Signal::TERM));
}

#[test]
fn a_second_signal_cuts_what_runs() {
    let cloud = Setup::new()
        .both("service", "shutdown_timeout", "600")
        .both("service", "lease_seconds", "3")
        .start();
    cut(cloud, |cloud| {
        cloud.api().signal(Signal::TERM);
        eventually("it has heard", 5, || {
            cloud.api().log().contains("running transfers may finish")
        });
        cloud.api().signal(Signal::TERM);
    });
}

#[test]
fn idle_daemons_stop_at_once() {
    let cloud = Setup::new().start();
    let mut kept = cloud.connect();
    kept.exchange(&Request::get("/")).unwrap().expect(300);
    let start = Instant::now();
    cloud.stop();
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn the_log_goes_on_after_rotation() {
    let place = tempfile::tempdir().unwrap();
    let log = |name: &str| place.path().join(name);
    let path = |name: &str| log(name).display().to_string();
    let mut cloud = Setup::new()
        .api("log_file", &path("api.log"))
        .registry("log_file", &path("registry.log"))
        .start();
    let owner = cloud.newcomer();
    let data = patterned(30_000_000, 1);
    let id = owner.create("read", &data);
    let caller = owner.caller.clone();
    let mut download = begin_download(&cloud, &owner, &id);
    let mut read = download.read_up_to(100_000).unwrap();
    let ask = |cloud: &Cloud, request_id: &str| {
        let request = Request::get("/v1/images").header("X-Openstack-Request-Id", request_id);
        cloud.images_of(&caller).send(request).expect(200);
    };
    let logged = |name: &str, request_id: &str| {
        std::fs::read_to_string(log(name))
            .unwrap_or_default()
            .contains(request_id)
    };
    ask(&cloud, "req-before");
    for name in ["api.log", "registry.log"] {
        eventually("it is logged", 5, || logged(name, "req-before"));
        std::fs::rename(log(name), log(&format!("{name}.1"))).unwrap();
    }
    cloud.api().signal(Signal::HUP);
    cloud.registry().signal(Signal::HUP);
    for name in ["api.log", "registry.log"] {
        eventually("there is a new log", 5, || log(name).exists());
    }
    ask(&cloud, "req-after");
    for name in ["api.log", "registry.log"] {
        eventually("the new log is used", 5, || logged(name, "req-after"));
        assert!(!logged(&format!("{name}.1"), "req-after"));
    }
    read.extend(download.read_up_to(data.len() - read.len()).unwrap());
    assert!(
        read == data,
        "the download was cut after {} bytes",
        read.len()
    );
    drop(download);
    cloud.stop();
}

#[test]
fn a_reload_takes_over_what_it_can_and_names_the_rest() {
    let mut cloud = Setup::new().start();
    let address = cloud.address().to_owned();
    cloud.set_api("DEFAULT", "image_size_cap", "10");
    cloud.set_api("DEFAULT", "bind_port", "19999");
    cloud.api().signal(Signal::HUP);
    eventually("bind_port is named", 5, || {
        cloud.logs().contains("bind_port")
    });
    assert_eq!(cloud.address(), address);
    let owner = cloud.newcomer();
    eventually("the cap is in force", 5, || {
        owner
            .send(owner.new_disk("large").data("12345678901"))
            .status
            == 400
    });
    cloud.stop();
}
