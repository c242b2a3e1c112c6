//! `/metrics`: what Prometheus fetches, from an address of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use functional::{Cloud, Connection, Engine, Port, Request, Setup, eventually, patterned};

/// A cloud whose daemons can be measured.
pub(crate) struct Measured {
    pub(crate) cloud: Cloud,
    api: Port,
    registry: Port,
}

impl Measured {
    pub(crate) fn start(setup: Setup) -> Self {
        let (api, registry) = (Port::take(), Port::take());
        let cloud = setup
            .api_in("metrics", "listen", &api.address())
            .registry_in("metrics", "listen", &registry.address())
            .start();
        Self {
            cloud,
            api,
            registry,
        }
    }

    /// The samples of glance-api.
    pub(crate) fn api(&self) -> Samples {
        Samples::fetch(&self.api.address())
    }

    /// The samples of glance-registry.
    pub(crate) fn registry(&self) -> Samples {
        Samples::fetch(&self.registry.address())
    }
}

/// Values by name and labels, as they are written.
pub(crate) struct Samples {
    text: String,
    values: BTreeMap<String, f64>,
}

impl Samples {
    fn fetch(address: &str) -> Self {
        let answer = Connection::open(address)
            .and_then(|mut connection| connection.exchange(&Request::get("/metrics")));
        let answer = answer.unwrap().expect(200);
        let kind = answer.header("Content-Type");
        assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::read(answer.text())
    }

    /// Reads the text form, and sees that it is one: every sample belongs to the family above it.
    fn read(text: String) -> Self {
        let mut values = BTreeMap::new();
        let (mut help, mut family) = (String::new(), (String::new(), String::new()));
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, words] if !words.is_empty() => help = (*name).to_owned(),
                ["#", "TYPE", name, kind] => {
                    assert_eq!(*name, help, "{line}");
                    family = ((*name).to_owned(), (*kind).to_owned());
                }
                _ => {
                    let (sample, value) = line.rsplit_once(' ').unwrap();
                    let name = sample.split('{').next().unwrap();
                    let suffix = name
                        .strip_prefix(&family.0)
                        .unwrap_or_else(|| panic!("{line}"));
                    let allowed: &[&str] = match family.1.as_str() {
                        "histogram" => &["_bucket", "_sum", "_count"],
                        _ => &[""],
                    };
                    assert!(allowed.contains(&suffix), "{line}");
                    let value = value.parse().unwrap();
                    let twice = values.insert(sample.to_owned(), value);
                    assert_eq!(twice, None, "{line}");
                }
            }
        }
        Self { text, values }
    }

    pub(crate) fn get(&self, sample: &str) -> f64 {
        let value = self.values.get(sample);
        *value.unwrap_or_else(|| panic!("no {sample} in\n{}", self.text))
    }
}

#[test]
fn both_daemons_tell_what_they_did() {
    let measured = Measured::start(Setup::new());
    let cloud = &measured.cloud;
    let owner = cloud.newcomer();
    let id = owner.create("measured", &patterned(300_000, 1));
    owner.download(&id).expect(200);
    owner.show(&id).expect(200);
    owner.list("");
    owner.reserve("queued");
    cloud.send(Request::get("/v1/images")).expect(401);
    owner.send(Request::get("/v1/nonsense")).expect(404);
    cloud.send(Request::get("/healthcheck")).expect(200);

    let requests = "glance_api_requests_total";
    eventually("the last answer is counted", 5, || {
        let health = format!("{requests}{{method=\"*\",route=\"/healthcheck\",status=\"200\"}}");
        measured.api().values.contains_key(&health)
    });
    let api = measured.api();
    for (labels, count) in [
        ("method=\"POST\",route=\"/images\",status=\"201\"", 2.0),
        ("method=\"GET\",route=\"/images/{id}\",status=\"200\"", 1.0),
        ("method=\"HEAD\",route=\"/images/{id}\",status=\"200\"", 1.0),
        ("method=\"GET\",route=\"/images\",status=\"200\"", 1.0),
        ("method=\"GET\",route=\"/images\",status=\"401\"", 1.0),
        ("method=\"*\",route=\"(unknown)\",status=\"404\"", 1.0),
    ] {
        assert_eq!(
            api.get(&format!("{requests}{{{labels}}}")),
            count,
            "{labels}"
        );
    }
    let download = "method=\"GET\",route=\"/images/{id}\"";
    let duration = "glance_api_request_duration_seconds";
    assert_eq!(api.get(&format!("{duration}_count{{{download}}}")), 1.0);
    assert_eq!(
        api.get(&format!("{duration}_bucket{{{download},le=\"+Inf\"}}")),
        1.0
    );
    assert_eq!(
        api.get("glance_api_transfer_bytes_total{direction=\"in\"}"),
        300_000.0
    );
    assert!(api.get("glance_api_transfer_bytes_total{direction=\"out\"}") > 300_000.0);
    for (sample, value) in [
        ("glance_api_requests_running", 0.0),
        ("glance_api_transfers_running{direction=\"in\"}", 0.0),
        ("glance_api_transfers_running{direction=\"out\"}", 0.0),
        ("glance_api_copies{state=\"running\"}", 0.0),
        ("glance_api_copies{state=\"waiting\"}", 0.0),
        ("glance_api_images_saving", 0.0),
        ("glance_api_store_up{store=\"file\"}", 1.0),
        ("glance_api_store_failures{store=\"file\"}", 0.0),
        ("glance_api_registry_calls_total{outcome=\"failed\"}", 0.0),
        ("glance_api_registry_calls_running", 0.0),
    ] {
        assert_eq!(api.get(sample), value, "{sample}");
    }
    let calls = api.get("glance_api_registry_calls_total{outcome=\"success\"}");
    assert!(calls > 8.0);
    assert!(api.get("process_resident_memory_bytes") > 1e6);

    let registry = measured.registry();
    let created =
        "glance_registry_requests_total{method=\"POST\",route=\"/images\",status=\"200\"}";
    assert_eq!(registry.get(created), 2.0);
    assert_eq!(
        registry.get("glance_registry_images{status=\"active\"}"),
        1.0
    );
    assert_eq!(
        registry.get("glance_registry_images{status=\"queued\"}"),
        1.0
    );
    assert_eq!(
        registry.get("glance_registry_database_waiting{kind=\"write\"}"),
        0.0
    );
    let threads = ["busy", "idle"].map(|state| {
        registry.get(&format!(
            "glance_registry_database_readers{{state=\"{state}\"}}"
        ))
    });
    let threads = threads[0] + threads[1];
    // A file has as many as it needs; a server's write, too, and wait for it.
    if Engine::under_test() == Engine::Sqlite {
        assert_eq!(threads, 4.0);
    } else {
        assert!(threads > 4.0, "{threads}");
    }

    // Nobody is named.
    let caller = &owner.caller;
    for text in [&api.text, &registry.text] {
        for secret in [&id, &caller.user, &caller.tenant, &caller.token()] {
            assert!(!text.contains(secret.as_str()), "{secret}\n{text}");
        }
    }
    measured.cloud.stop();
}

#[test]
fn every_name_is_in_the_manual() {
    let measured = Measured::start(Setup::new());
    measured.cloud.newcomer().create("measured", b"12345");
    let manual = include_str!("../../docs/OPERATIONS.md");
    for samples in [measured.api(), measured.registry()] {
        let names = samples
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        for name in names.filter_map(|line| line.split(' ').next()) {
            assert!(
                manual.contains(&format!("`{name}`")),
                "{name} is in no table"
            );
        }
    }
    measured.cloud.stop();
}

#[test]
fn what_is_on_its_way_is_seen() {
    let measured = Measured::start(Setup::new());
    let cloud = &measured.cloud;
    let owner = cloud.newcomer();
    let id = owner.create("large", &patterned(64 << 20, 1));

    let mut upload = cloud.connect();
    let request = owner
        .new_disk("slow")
        .by(&owner.caller)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "10");
    upload.send_head(&request).unwrap();
    upload.write(b"12345").unwrap();
    let mut download = cloud.connect();
    let request = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
    download.send_head(&request).unwrap();
    download.response_head().unwrap();
    eventually("both are counted", 5, || {
        let api = measured.api();
        let running = |direction| {
            api.get(&format!(
                "glance_api_transfers_running{{direction=\"{direction}\"}}"
            ))
        };
        (running("in"), running("out")) == (1.0, 1.0)
            && api.get("glance_api_images_saving") == 1.0
            && api.get("glance_api_requests_running") == 2.0
    });
    // Bytes are counted as they go, and whoever goes away is not counted any more.
    let sent = measured
        .api()
        .get("glance_api_transfer_bytes_total{direction=\"out\"}");
    assert!(sent > 10_000.0 && sent < f64::from(64 << 20), "{sent}");
    drop(download);
    upload.write(b"67890").unwrap();
    upload.response(false).unwrap().expect(201);
    eventually("both are over", 10, || {
        let api = measured.api();
        api.get("glance_api_transfers_running{direction=\"in\"}") == 0.0
            && api.get("glance_api_transfers_running{direction=\"out\"}") == 0.0
            && api.get("glance_api_requests_running") == 0.0
    });
    measured.cloud.stop();
}

#[test]
fn peers_that_are_away_are_seen() {
    let mut measured = Measured::start(Setup::new());
    let caller = measured.cloud.newcomer().caller;
    let id = measured.cloud.images_of(&caller).create("there", b"12345");
    let directory = measured.cloud.data_directory();
    std::fs::rename(&directory, directory.with_extension("away")).unwrap();
    std::fs::write(&directory, "").unwrap();
    let upload = measured.cloud.newcomer();
    let refused = upload.send(upload.new_disk("nowhere").data("12345"));
    assert!(refused.status >= 500, "{}", refused.status);
    let api = measured.api();
    assert_eq!(api.get("glance_api_store_up{store=\"file\"}"), 0.0);
    assert!(api.get("glance_api_store_failures{store=\"file\"}") >= 1.0);
    std::fs::remove_file(&directory).unwrap();
    std::fs::rename(directory.with_extension("away"), &directory).unwrap();
    eventually("the store is seen to be well", 10, || {
        measured.cloud.images_of(&caller).download(&id);
        measured.api().get("glance_api_store_up{store=\"file\"}") == 1.0
    });

    measured.cloud.take_registry().stop();
    measured.cloud.images_of(&caller).show(&id).expect(503);
    let api = measured.api();
    assert!(api.get("glance_api_registry_calls_total{outcome=\"failed\"}") >= 1.0);
    measured.cloud.stop();
}

#[test]
fn it_has_an_address_of_its_own_and_is_off_by_default() {
    let measured = Measured::start(Setup::new());
    measured.cloud.send(Request::get("/metrics")).expect(300);
    // Silent peers keep nobody waiting.
    let address = measured.api.address();
    let silent: Vec<TcpStream> = (0..10)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    measured.api();
    let mut nonsense = TcpStream::connect(&address).unwrap();
    nonsense
        .write_all(b"\x16\x03\x01 nonsense\r\n\r\n")
        .unwrap();
    nonsense
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut answer = String::new();
    nonsense.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    drop(silent);
    measured.cloud.stop();

    let mut cloud = Setup::new().start();
    let listeners = std::fs::read_dir(format!("/proc/{}/task", cloud.api().pid())).unwrap();
    for thread in listeners {
        let name = std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap();
        assert_ne!(name.trim(), "metrics");
    }
    cloud.stop();
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let cloud = Setup::new().both("metrics", "listen", &address).prepare();
    for daemon in ["glance-api", "glance-registry"] {
        let (conf, log) = (
            cloud.path(&format!("{daemon}.conf")),
            cloud.path("start.out"),
        );
        let mut daemon = functional::Daemon::start(daemon, &conf, &log, &[]);
        assert_eq!(daemon.wait(10).code(), Some(1));
        assert!(
            daemon
                .log()
                .contains(&format!("cannot listen on {address}"))
        );
    }
}
