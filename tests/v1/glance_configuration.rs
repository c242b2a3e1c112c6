//! Glance's own configuration files are read as they are.

use std::path::{Path, PathBuf};

use functional::{Daemon, Identity, Request, Setup};

fn given(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conf")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Replaces what a machine must have its own of: addresses, ports and paths.
fn at_home(text: &str, changes: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        match changes.iter().find(|(changed, _)| name == *changed) {
            Some((changed, value)) => format!("{changed} = {value}\n"),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn a_distributions_files_boot() {
    let cloud = Setup::new().prepare();
    let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let database = format!("sqlite:///{}", cloud.path("glance.sqlite").display());
    let changes = [
        ("connection", database),
        (
            "filesystem_store_datadir",
            cloud.data_directory().display().to_string(),
        ),
        ("registry_port", port(cloud.registry_address())),
    ];
    let write = |name: &str, address: &str| -> PathBuf {
        let mut changes = changes.to_vec();
        changes.push(("bind_port", port(address)));
        let path = cloud.path(name);
        std::fs::write(
            &path,
            at_home(&given(&format!("distribution/{name}")), &changes),
        )
        .unwrap();
        path
    };
    let registry = write("glance-registry.conf", cloud.registry_address());
    let api = write("glance-api.conf", cloud.address());
    let mut registry = Daemon::start(
        "glance-registry",
        &registry,
        &cloud.path("registry.out"),
        &[],
    );
    let mut api = Daemon::start("glance-api", &api, &cloud.path("api.out"), &[]);
    functional::eventually("the API answers", 15, || {
        assert!(api.ended().is_none(), "{}", api.log());
        assert!(registry.ended().is_none(), "{}", registry.log());
        cloud.try_send(Request::get("/")).is_ok()
    });
    let caller = Identity::member();
    let list = || {
        let request = Request::get("/v1/images")
            .header("X-Identity-Status", "Confirmed")
            .header("X-User-Id", &caller.user)
            .header("X-Tenant-Id", &caller.tenant)
            .header("X-Roles", "member");
        cloud
            .try_send(request)
            .is_ok_and(|answer| answer.status == 200)
    };
    functional::eventually("the list is served", 10, list);

    // What is not known is named once, with its place.
    let log = api.log();
    for option in ["transport_url", "auth_uri"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(option)).collect();
        assert_eq!(lines.len(), 1, "{option}: {lines:?}");
        assert!(lines[0].contains("glance-api.conf"), "{}", lines[0]);
    }
    assert!(!log.contains("GLANCE_PASSWORD"), "a password is in the log");
    api.stop();
    registry.stop();
}

#[test]
fn a_value_that_is_none_is_reported_with_its_place() {
    let cloud = Setup::new().api("api_limit_max", "many").prepare();
    let conf = cloud.path("glance-api.conf");
    let mut api = Daemon::start("glance-api", &conf, &cloud.path("glance-api.out"), &[]);
    let status = api.wait(10);
    assert_eq!(status.code(), Some(1));
    let log = api.log();
    assert!(
        log.contains("api_limit_max") && log.contains("glance-api.conf"),
        "{log}"
    );
}

#[test]
fn a_missing_file_is_reported_in_glances_words() {
    let nowhere = tempfile::tempdir().unwrap();
    for name in ["glance-api", "glance-registry"] {
        if Path::new(&format!("/etc/glance/{name}.conf")).exists() {
            continue;
        }
        let output = std::process::Command::new(functional::program(name))
            .current_dir(nowhere.path())
            .env("HOME", nowhere.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        let words = format!(
            "ERROR: Unable to locate any configuration file. Cannot load application {name}"
        );
        assert!(text.contains(&words), "{text}");
    }
}

#[test]
fn the_file_can_be_the_first_argument() {
    let mut cloud = Setup::new().prepare();
    cloud.start_registry();
    let conf = cloud.path("glance-api.conf");
    let mut api = std::process::Command::new(functional::program("glance-api"))
        .arg(&conf)
        .arg("--debug")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    functional::eventually("it answers", 15, || {
        cloud.try_send(Request::get("/")).is_ok()
    });
    api.kill().unwrap();
    api.wait().unwrap();
    cloud.take_registry().stop();
}

#[test]
fn programs_tell_their_version_and_usage() {
    for name in [
        "glance-api",
        "glance-registry",
        "glance-control",
        "glance-manage",
    ] {
        for option in ["--version", "--help"] {
            let output = std::process::Command::new(functional::program(name))
                .arg(option)
                .output();
            let output = output.unwrap();
            assert!(output.status.success(), "{name} {option}");
            assert!(!output.stdout.is_empty(), "{name} {option} says nothing");
        }
    }
}
