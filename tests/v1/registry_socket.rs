//! A Unix socket in place of the registry's host and port.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use functional::{Daemon, Request, Setup, eventually, patterned};

use crate::many_registries::{Beside, Load, unavailable};

#[test]
fn a_unix_socket_works_in_place_of_host_and_port() {
    let mut cloud = Setup::new().prepare();
    let mut registry = Beside::on_socket(&cloud, "registry");
    cloud.set_api("DEFAULT", "registry_host", &registry.place);
    registry.start();
    cloud.start_api();
    let socket = registry.socket();
    let metadata = fs::symlink_metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
    let data = patterned(300_000, 1);
    let owner = cloud.newcomer();
    let id = owner.create("over a socket", &data);
    assert!(owner.download(&id).expect(200).body == data);
    let inspection = cloud.inspect("verify");
    assert_eq!(inspection.status, Some(0), "{:?}", inspection.lines);

    // Another daemon does not take it away.
    let mut second = registry.launch();
    assert!(!second.wait(10).success());
    let reason = format!("cannot listen on unix:{}", socket.display());
    assert!(second.log().contains(&reason), "{}", second.log());
    owner.show(&id).expect(200);

    // What a killed one left behind is replaced.
    registry.take().kill();
    assert!(socket.exists());
    unavailable(&owner.send(Request::get("/v1/images")));
    registry.start();
    owner.show(&id).expect(200);
    cloud.check_invariants(10);
    registry.take().stop();
    assert!(!socket.exists());
    cloud.stop();
}

#[test]
fn sockets_and_ports_go_together() {
    let mut cloud = Setup::new().prepare();
    let mut near = Beside::on_socket(&cloud, "near");
    let places = format!("{}, {}", near.socket().display(), cloud.registry_address());
    cloud.set_api("DEFAULT", "registry_host", &places);
    cloud.start_registry();
    near.start();
    cloud.start_api();
    let load = Load::start(&cloud, 0);
    load.goes_on(50);
    near.take().stop();
    load.goes_on(50);
    near.start();
    eventually("it answers again", 10, || {
        let back = format!("the registry {} answers again", near.place);
        cloud.logs().contains(&back)
    });
    cloud.take_registry().kill();
    load.goes_on(50);
    load.end();
    near.take().stop();
    cloud.take_api().stop();
}

#[test]
fn a_socket_takes_no_certificate_and_is_for_the_registry_alone() {
    let mut cloud = Setup::new().prepare();
    cloud.set_api("DEFAULT", "bind_host", "unix:/run/glance-api.sock");
    let conf = cloud.path("glance-api.conf");
    let mut api = Daemon::start("glance-api", &conf, &cloud.path("api.out"), &[]);
    assert!(!api.wait(10).success());
    assert!(
        api.log()
            .contains("only glance-registry listens on a Unix socket"),
        "{}",
        api.log()
    );

    let registry = Beside::on_socket(&cloud, "registry");
    let text = fs::read_to_string(&registry.conf).unwrap();
    fs::write(
        &registry.conf,
        format!("{text}cert_file = c.pem\nkey_file = k.pem\n"),
    )
    .unwrap();
    let mut daemon = registry.launch();
    assert!(!daemon.wait(10).success());
    assert!(
        daemon.log().contains("no TLS is spoken over a Unix socket"),
        "{}",
        daemon.log()
    );
}
