//! Who holds an upload: a daemon that renews its lease keeps it, one that does not loses it to another.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use functional::{Cloud, Connection, Daemon, Images, Port, Setup, Signal, eventually};

use crate::many_registries::unavailable;

const LEASE: u64 = 3;

/// A glance-api beside the cloud's own, which takes over what that leaves.
struct Rival {
    daemon: Daemon,
    _port: Port,
}

impl Rival {
    /// Of a cloud that is prepared. Asks the registry that the cloud's own asks now.
    fn start(cloud: &Cloud) -> Self {
        let port = Port::take();
        let conf = cloud.path("rival.conf");
        let text = fs::read_to_string(cloud.path("glance-api.conf")).unwrap();
        let text = format!("{text}\n[DEFAULT]\nbind_port = {}\n", port.number);
        fs::write(&conf, text).unwrap();
        let daemon = Daemon::start("glance-api", &conf, &cloud.path("rival.out"), &[]);
        Self {
            daemon,
            _port: port,
        }
    }
}

fn setup() -> Setup {
    Setup::new().both("service", "lease_seconds", &LEASE.to_string())
}

/// Half of an upload of ten bytes, seen to have begun.
fn half(cloud: &Cloud, owner: &Images<'_>) -> Connection {
    let mut upload = cloud.connect();
    let post = owner
        .new_disk("slow")
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "10")
        .by(&owner.caller);
    upload.send_head(&post).unwrap();
    upload.write(b"12345").unwrap();
    eventually("the upload has begun", 20, || {
        owner.list("?status=saving").len() == 1
    });
    upload
}

/// The way to a registry on which the renewals of leases get lost, and no answer comes for them.
struct Swallowing {
    address: String,
    swallowed: Arc<AtomicU64>,
}

impl Swallowing {
    fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let swallowed = Arc::new(AtomicU64::new(0));
        let (registry, count) = (registry.to_owned(), swallowed.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, count) = (client.unwrap(), count.clone());
                if let Ok(server) = TcpStream::connect(&registry) {
                    thread::spawn(move || pass_on(client, server, &count));
                }
            }
        });
        Self { address, swallowed }
    }

    fn swallowed(&self) -> u64 {
        self.swallowed.load(Ordering::SeqCst)
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, swallowed: &AtomicU64) {
    let (mut answers, mut told) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut answers, &mut told));
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        if bytes.starts_with(b"PUT /leases ") {
            swallowed.fetch_add(1, Ordering::SeqCst);
        } else if server.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn a_registry_that_is_silent_about_them_costs_none() {
    let mut cloud = setup().prepare();
    cloud.start_registry();
    let rival = Rival::start(&cloud);
    let swallowing = Swallowing::before(cloud.registry_address());
    let places = format!("{},{}", swallowing.address, cloud.registry_address());
    cloud.set_api("DEFAULT", "registry_host", &places);
    cloud.start_api();
    let owner = cloud.newcomer();
    let mut upload = half(&cloud, &owner);
    let before = swallowing.swallowed();
    eventually("a renewal is lost", 40, || {
        // Other calls shift whose turn it is.
        owner.list("");
        swallowing.swallowed() > before
    });
    thread::sleep(Duration::from_secs(2 * LEASE));
    upload.write(b"67890").unwrap();
    upload.response(false).unwrap().expect(201);
    rival.daemon.stop();
    cloud.stop();
}

#[test]
fn an_upload_that_another_daemon_has_ended_is_to_be_made_again() {
    let mut cloud = setup().start();
    let rival = Rival::start(&cloud);
    let owner = cloud.newcomer().caller.clone();
    let mut upload = half(&cloud, &cloud.images_of(&owner));
    let id = cloud.images_of(&owner).list("?status=saving").remove(0);
    cloud.api().signal(Signal::STOP);
    eventually("it is ended", 40, || {
        rival.daemon.log().contains("its upload was abandoned")
    });
    cloud.api().signal(Signal::CONT);
    // The answer may be there already.
    let _ = upload.write(b"67890");
    let answer = upload.response(false).unwrap();
    unavailable(&answer);
    let text = answer.text();
    assert!(text.contains("Please upload it again"), "{text}");
    assert_eq!(cloud.images_of(&owner).status(&id), "killed");
    cloud.nothing_is_stored();
    rival.daemon.stop();
    cloud.check_invariants(20);
    cloud.stop();
}
