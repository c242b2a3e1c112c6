//! Who holds an upload: a daemon that renews its lease keeps it, one that does not loses it to another.

use std::fs;
use std::thread;
use std::time::Duration;

use functional::{
    Cloud, Connection, Daemon, Fault, FaultProxy, Images, Port, Setup, Signal, Trouble, When,
    eventually,
};

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
fn half(owner: &Images<'_>) -> Connection {
    let mut upload = owner.begin_upload(10);
    upload.write(b"12345").unwrap();
    upload
}

#[test]
fn a_registry_that_is_silent_about_them_costs_none() {
    let mut cloud = setup().prepare();
    cloud.start_registry();
    let rival = Rival::start(&cloud);
    let proxy = FaultProxy::before(cloud.registry_address());
    let places = format!("{},{}", proxy.address(), cloud.registry_address());
    cloud.set_api("DEFAULT", "registry_host", &places);
    cloud.start_api();
    let owner = cloud.newcomer();
    let mut upload = half(&owner);
    // The registry does not hear them to their end.
    let renewal = When::asked("PUT", "/leases");
    proxy.inject(renewal.clone(), Fault::Sent(Trouble::Stall(1)));
    proxy.forget();
    eventually("a renewal is lost", 40, || {
        // Other calls shift whose turn it is.
        owner.list("");
        proxy.count(&renewal) > 0
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
    let mut upload = half(&cloud.images_of(&owner));
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
