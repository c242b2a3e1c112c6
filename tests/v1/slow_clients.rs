//! Clients that take their time do not cost others theirs.

use std::time::{Duration, Instant};

use functional::{Cloud, Connection, Request, Setup, eventually, patterned};

const MANY: usize = 150;

/// A new client makes, reads and deletes an image without waiting long.
fn served_promptly(cloud: &Cloud) {
    let start = Instant::now();
    let owner = cloud.newcomer();
    let id = owner.create("prompt", &patterned(100_000, 1));
    assert_eq!(owner.download(&id).expect(200).body.len(), 100_000);
    owner.delete(&id).expect(200);
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(20), "it took {taken:?}");
}

#[test]
fn half_a_head_is_not_waited_for() {
    let cloud = Setup::new()
        .api_in("service", "request_head_timeout", "2")
        .start();
    let mut slow: Vec<Connection> = (0..MANY).map(|_| cloud.connect()).collect();
    for connection in &mut slow {
        connection
            .write(b"GET /v1/images HTTP/1.1\r\nHost: h\r\nX-Slow:")
            .unwrap();
    }
    served_promptly(&cloud);
    let start = Instant::now();
    for connection in &mut slow {
        assert!(connection.closes_within(Duration::from_secs(8)));
    }
    assert!(start.elapsed() < Duration::from_secs(40));
    cloud.stop();
}

#[test]
fn silent_uploads_do_not_starve_others_and_are_ended() {
    let cloud = Setup::new().api("client_socket_timeout", "8").start();
    let owner = cloud.newcomer();
    let mut slow: Vec<Connection> = (0..MANY).map(|_| cloud.connect()).collect();
    for connection in &mut slow {
        let post = owner
            .new_disk("slow")
            .by(&owner.caller)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", "1000000");
        connection.send_head(&post).unwrap();
        connection.write(b"one byte, and then silence").unwrap();
    }
    eventually("the uploads have begun", 20, || {
        owner.list("?status=saving&limit=1000").len() == MANY
    });
    served_promptly(&cloud);
    eventually("the uploads are ended", 20, || {
        owner.list("?status=saving").is_empty()
    });
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn readers_who_do_not_read_do_not_starve_others_and_are_cut() {
    let mut cloud = Setup::new().api("client_socket_timeout", "8").start();
    let pid = cloud.api().pid();
    let owner = cloud.newcomer();
    let id = owner.create("big", &patterned(30_000_000, 2));
    let readers = || {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .flatten();
        let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.filter(|target| target.ends_with(&id)).count()
    };
    let mut slow: Vec<Connection> = (0..MANY).map(|_| cloud.connect()).collect();
    for connection in &mut slow {
        let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
        connection.send_head(&get).unwrap();
    }
    eventually("the transfers have begun", 10, || readers() == MANY);
    served_promptly(&cloud);
    eventually("the transfers are cut", 30, || readers() == 0);
    for mut connection in slow {
        let answer = connection.response(false).unwrap();
        assert!(!answer.complete, "it came whole although nobody read");
    }
    cloud.stop();
}

#[test]
fn idle_connections_are_closed() {
    let cloud = Setup::new().api("client_socket_timeout", "2").start();
    let mut idle = cloud.connect();
    idle.exchange(&Request::get("/")).unwrap().expect(300);
    let mut silent = cloud.connect();
    assert!(idle.closes_within(Duration::from_secs(12)));
    assert!(silent.closes_within(Duration::from_secs(12)));
    cloud.stop();
}
