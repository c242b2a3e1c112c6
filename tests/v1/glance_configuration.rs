//! Glance's own configuration files are read as they are.

use std::path::{Path, PathBuf};

use functional::{Cloud, Daemon, Identity, Request, Setup, eventually};

/// A directory under `conf/`: its two files are used as they are.
fn given(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conf")
        .join(folder)
}

/// What a machine must have its own of: addresses and paths. The environment wins over the file.
fn surroundings(cloud: &Cloud, address: &str) -> Vec<(String, String)> {
    let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let database = cloud.database().connection();
    let data = cloud.data_directory().display().to_string();
    [
        ("GLANCE_BIND_HOST", "127.0.0.1".to_owned()),
        ("GLANCE_BIND_PORT", port(address)),
        ("GLANCE_REGISTRY_PORT", port(cloud.registry_address())),
        ("GLANCE_DATABASE__CONNECTION", database),
        ("GLANCE_GLANCE_STORE__FILESYSTEM_STORE_DATADIR", data),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Starts both daemons with the files of a directory, and waits until they answer.
fn boot(cloud: &Cloud, folder: &str) -> (Daemon, Daemon) {
    let start = |name: &str, address: &str| {
        let conf = given(folder).join(format!("{name}.conf"));
        let log = cloud.path(&format!("{name}.out"));
        Daemon::start(name, &conf, &log, &surroundings(cloud, address))
    };
    let mut registry = start("glance-registry", cloud.registry_address());
    let mut api = start("glance-api", cloud.address());
    eventually("both answer", 15, || {
        assert!(api.ended().is_none(), "{}", api.log());
        assert!(registry.ended().is_none(), "{}", registry.log());
        let reaches_the_registry = Request::get("/v1/images")
            .header("X-Identity-Status", "Confirmed")
            .header("X-Tenant-Id", Identity::member().tenant);
        cloud
            .try_send(reaches_the_registry)
            .is_ok_and(|answer| answer.status == 200)
    });
    (registry, api)
}

#[test]
fn the_files_that_glance_ships_boot_unmodified() {
    let cloud = Setup::new().prepare();
    let (registry, api) = boot(&cloud, "glance-15");
    let image = cloud.send(Request::post("/v1/images").raw_disk("first").data("12345"));
    let image = image.expect(201).json()["image"].clone();
    let path = format!("/v1/images/{}", image["id"].as_str().unwrap());
    assert_eq!(cloud.send(Request::get(path)).expect(200).body, b"12345");
    api.stop();
    registry.stop();
}

#[test]
fn a_distributions_files_boot_unmodified() {
    let cloud = Setup::new().prepare();
    let (registry, api) = boot(&cloud, "distribution");
    // What is not known or not supported is named once, with its place.
    let log = api.log();
    for option in ["transport_url", "memcached_servers", "scrubber_datadir"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(option)).collect();
        assert_eq!(lines.len(), 1, "{option}: {lines:?}");
        let names_the_place = lines[0].contains("glance-api.conf") && lines[0].contains("line");
        assert!(names_the_place, "{}", lines[0]);
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
    let mut api = functional::invocation("glance-api")
        .arg(&conf)
        .arg("--debug")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("it answers", 15, || {
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
