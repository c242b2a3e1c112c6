//! Several registries on one database: what glance-api makes of registries that come, go, hang and lie.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use functional::{
    Cloud, Connection, Daemon, Identity, Port, Request, Response, Setup, Signal, eventually,
};

/// A registry beside the cloud's own, on the same database.
pub(crate) struct Beside {
    /// As `registry_host` has it.
    pub(crate) place: String,
    name: String,
    pub(crate) conf: PathBuf,
    log: PathBuf,
    daemon: Option<Daemon>,
    _port: Option<Port>,
}

impl Beside {
    /// On a port of its own.
    pub(crate) fn prepare(cloud: &Cloud, name: &str) -> Self {
        let port = Port::take();
        let options = format!("bind_port = {}", port.number);
        let mut beside = Self::with(cloud, name, port.address(), &options);
        beside._port = Some(port);
        beside
    }

    /// On a socket in the cloud's directory.
    pub(crate) fn on_socket(cloud: &Cloud, name: &str) -> Self {
        let path = cloud.path(&format!("{name}.sock"));
        let place = format!("unix:{}", path.display());
        let options = format!("bind_host = {place}");
        Self::with(cloud, name, place, &options)
    }

    /// `options` in `[DEFAULT]` win over those of the cloud's own registry.
    fn with(cloud: &Cloud, name: &str, place: String, options: &str) -> Self {
        let conf = cloud.path(&format!("{name}.conf"));
        let text = fs::read_to_string(cloud.path("glance-registry.conf")).unwrap();
        fs::write(&conf, format!("{text}\n[DEFAULT]\n{options}\n")).unwrap();
        Self {
            place,
            name: name.to_owned(),
            conf,
            log: cloud.path(&format!("{name}.out")),
            daemon: None,
            _port: None,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        PathBuf::from(self.place.strip_prefix("unix:").unwrap())
    }

    pub(crate) fn launch(&self) -> Daemon {
        Daemon::start("glance-registry", &self.conf, &self.log, &[])
    }

    pub(crate) fn start(&mut self) {
        let daemon = self.daemon.insert(self.launch());
        let (place, name) = (&self.place, &self.name);
        eventually(&format!("{name} answers"), 10, || {
            assert!(daemon.ended().is_none(), "{}", daemon.log());
            match place.strip_prefix("unix:") {
                Some(path) => UnixStream::connect(path).is_ok(),
                None => TcpStream::connect(place).is_ok(),
            }
        });
    }

    pub(crate) fn take(&mut self) -> Daemon {
        self.daemon.take().unwrap()
    }

    fn signal(&self, signal: Signal) {
        self.daemon.as_ref().unwrap().signal(signal);
    }
}

/// A cloud of two registries, and where its numbers are.
struct Two {
    cloud: Cloud,
    other: Beside,
    metrics: Port,
}

impl Two {
    fn start(setup: Setup) -> Self {
        let metrics = Port::take();
        let setup = setup.api_in("metrics", "listen", &metrics.address());
        let mut cloud = setup.prepare();
        let mut other = Beside::prepare(&cloud, "other");
        let places = format!("{}, {}", cloud.registry_address(), other.place);
        cloud.set_api("DEFAULT", "registry_host", &places);
        cloud.start_registry();
        other.start();
        cloud.start_api();
        Self {
            cloud,
            other,
            metrics,
        }
    }

    /// A number of glance-api, by name and labels.
    fn number(&self, sample: &str) -> u64 {
        let answer = Connection::open(&self.metrics.address())
            .and_then(|mut connection| connection.exchange(&Request::get("/metrics")));
        let text = answer.unwrap().expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        let value = line.unwrap_or_else(|| panic!("no {sample} in\n{text}"));
        value.trim().parse().unwrap()
    }

    fn succeeded(&self, place: &str) -> u64 {
        self.number(&format!(
            "glance_api_registry_attempts_total{{registry=\"{place}\",outcome=\"success\"}}"
        ))
    }

    fn is_up(&self, place: &str) -> bool {
        self.number(&format!("glance_api_registry_up{{registry=\"{place}\"}}")) == 1
    }

    fn stop(mut self) {
        self.cloud.check_invariants(10);
        self.other.take().stop();
        self.cloud.stop();
    }
}

#[track_caller]
pub(crate) fn unavailable(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("Retry-After").is_some());
}

/// What clients saw of a steady load.
#[derive(Default)]
struct Seen {
    reads: AtomicU64,
    writes: AtomicU64,
    /// Changes that were told to come back.
    put_off: AtomicU64,
    stop: AtomicBool,
}

/// Clients that read and, if they are to, register images until they are told to stop. A read that
/// fails ends the story; so does a change that fails otherwise than by 503.
pub(crate) struct Load {
    seen: Arc<Seen>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(cloud: &Cloud, writers: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let caller = Identity::member();
        let known = cloud.images_of(&caller).reserve("known");
        let mut clients = Vec::new();
        for number in 0..3 + writers {
            let (seen, caller) = (seen.clone(), caller.clone());
            let address = cloud.address().to_owned();
            let path = match number % 2 {
                0 => format!("/v1/images/{known}"),
                _ => "/v1/images/detail?limit=3".to_owned(),
            };
            clients.push(thread::spawn(move || {
                let mut connection = Connection::open(&address).unwrap();
                while !seen.stop.load(Ordering::SeqCst) {
                    if number < 3 {
                        let request = match number % 2 {
                            0 => Request::head(&path),
                            _ => Request::get(&path),
                        };
                        let answer = connection.exchange(&request.by(&caller)).unwrap();
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        seen.reads.fetch_add(1, Ordering::SeqCst);
                        continue;
                    }
                    let request = Request::post("/v1/images").raw_disk("loaded");
                    let answer = connection.exchange(&request.by(&caller)).unwrap();
                    match answer.status {
                        201 => seen.writes.fetch_add(1, Ordering::SeqCst),
                        _ => {
                            unavailable(&answer);
                            seen.put_off.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
            }));
        }
        Self { seen, clients }
    }

    /// Waits until so many more reads, and a change where changes are made, have succeeded.
    pub(crate) fn goes_on(&self, more: u64) {
        let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
        let (reads, writes) = (count(&self.seen.reads), count(&self.seen.writes));
        let writing = self.clients.len() > 3;
        eventually("the load goes on", 20, || {
            let failed = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!failed, "a client has failed");
            count(&self.seen.reads) >= reads + more
                && (!writing || count(&self.seen.writes) > writes)
        });
    }

    /// How many changes succeeded, and how many were put off.
    pub(crate) fn end(self) -> (u64, u64) {
        self.seen.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
        (count(&self.seen.writes), count(&self.seen.put_off))
    }
}

#[test]
fn calls_are_spread_and_counted() {
    let two = Two::start(Setup::new());
    let owner = two.cloud.newcomer();
    let id = owner.create("spread", b"12345");
    let places = [two.cloud.registry_address(), &two.other.place];
    let counts = || places.map(|place| two.succeeded(place));
    let before = counts();
    // On a busy machine one of them may be left out for a while.
    eventually("calls go to both", 20, || {
        owner.show(&id).expect(200);
        before
            .iter()
            .zip(counts())
            .all(|(before, now)| now >= before + 15)
    });
    for place in places {
        eventually("it is up", 10, || two.is_up(place));
        let label = format!("{{registry=\"{place}\"}}");
        assert_eq!(
            two.number(&format!("glance_api_registry_passed_on_total{label}")),
            0
        );
        assert_eq!(
            two.number(&format!("glance_api_registry_attempts_running{label}")),
            0
        );
    }
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    two.stop();
}

#[test]
fn killed_registries_are_not_noticed_while_another_lives() {
    let mut two = Two::start(Setup::new());
    let load = Load::start(&two.cloud, 2);
    load.goes_on(50);
    two.cloud.take_registry().kill();
    load.goes_on(200);
    eventually("it is left out", 10, || {
        !two.is_up(two.cloud.registry_address())
    });
    two.cloud.start_registry();
    eventually("it is asked again", 10, || {
        two.is_up(two.cloud.registry_address())
    });
    load.goes_on(50);
    two.other.take().kill();
    load.goes_on(200);
    two.other.start();
    eventually("it is asked again", 10, || two.is_up(&two.other.place));
    load.goes_on(50);
    let (made, put_off) = load.end();
    // Those that were at a registry when it was killed, whose answers are lost; or that were sent to it
    // on a connection whose end had not been noticed yet.
    let logs = || two.cloud.logs();
    assert!(
        put_off <= 8,
        "{put_off} were put off, {made} were made\n{}",
        logs()
    );
    let images = two.cloud.every_image();
    let found = images
        .iter()
        .filter(|image| image["name"] == "loaded")
        .count() as u64;
    assert!(
        made <= found && found <= made + put_off,
        "{made} {found} {put_off}"
    );
    two.stop();
}

#[test]
fn registries_are_renewed_one_after_the_other() {
    let mut two = Two::start(Setup::new());
    let load = Load::start(&two.cloud, 2);
    for _ in 0..2 {
        load.goes_on(50);
        two.cloud.take_registry().stop();
        load.goes_on(50);
        two.cloud.start_registry();
        eventually("it is asked again", 10, || {
            two.is_up(two.cloud.registry_address())
        });
        load.goes_on(50);
        two.other.take().stop();
        load.goes_on(50);
        two.other.start();
        eventually("it is asked again", 10, || two.is_up(&two.other.place));
    }
    let (made, put_off) = load.end();
    assert!(made > 0);
    assert!(put_off <= 4, "{put_off} were put off, {made} were made");
    two.stop();
}

#[test]
fn a_stopped_registry_is_passed_over() {
    // Nothing but the load is under way: a daemon that is stopped within a change would keep SQLite's
    // only place to write.
    let two = Two::start(Setup::new().both("service", "lease_seconds", "600"));
    let load = Load::start(&two.cloud, 0);
    load.goes_on(50);
    two.other.signal(Signal::STOP);
    eventually("it is left out", 10, || !two.is_up(&two.other.place));
    load.goes_on(200);
    // Changes go to the one that lives, at once.
    let owner = two.cloud.newcomer();
    let start = Instant::now();
    for _ in 0..10 {
        let id = owner.create("meanwhile", b"12345");
        owner.delete(&id).expect(200);
    }
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{:?}",
        start.elapsed()
    );
    two.other.signal(Signal::CONT);
    eventually("it is asked again", 10, || two.is_up(&two.other.place));
    let before = two.succeeded(&two.other.place);
    // A little after that: it comes after the others for a while.
    eventually("calls go to it", 10, || {
        two.succeeded(&two.other.place) > before
    });
    load.end();
    let passed_on = format!(
        "glance_api_registry_passed_on_total{{registry=\"{}\"}}",
        two.other.place
    );
    assert!(two.number(&passed_on) > 0);
    two.stop();
}

#[test]
fn without_any_registry_clients_are_told_to_come_back() {
    let mut two = Two::start(Setup::new());
    let id = two.cloud.newcomer().create("there", b"12345");
    two.cloud.take_registry().kill();
    two.other.take().kill();
    let owner = two.cloud.images_of(&Identity::member());
    let start = Instant::now();
    unavailable(&owner.send(Request::get("/v1/images")));
    unavailable(&owner.send(Request::get(format!("/v1/images/{id}"))));
    unavailable(&owner.send(owner.new_disk("metadata")));
    unavailable(&owner.send(owner.new_disk("data").data("12345")));
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{:?}",
        start.elapsed()
    );

    // Whoever is back is found by the next call, and not only by the next look.
    two.other.start();
    let administrator = two.cloud.administrator();
    assert_eq!(administrator.download(&id).expect(200).body, b"12345");
    two.cloud.start_registry();
    two.stop();
}

#[test]
fn a_registry_out_of_service_is_left_in_peace() {
    let two = {
        let mut cloud = Setup::new().prepare();
        let disabled = cloud.path("disabled").display().to_string();
        let metrics = Port::take();
        let mut other = Beside::prepare(&cloud, "other");
        let text = fs::read_to_string(&other.conf).unwrap();
        let text = format!("{text}[healthcheck]\ndisable_by_file_path = {disabled}\n");
        fs::write(&other.conf, text).unwrap();
        let places = format!("{},{}", cloud.registry_address(), other.place);
        cloud.set_api("DEFAULT", "registry_host", &places);
        cloud.set_api("metrics", "listen", &metrics.address());
        cloud.start_registry();
        other.start();
        cloud.start_api();
        Two {
            cloud,
            other,
            metrics,
        }
    };
    let owner = two.cloud.newcomer();
    fs::write(two.cloud.path("disabled"), "").unwrap();
    eventually("it is left out", 10, || !two.is_up(&two.other.place));
    let before = two.succeeded(&two.other.place);
    for _ in 0..20 {
        owner.list("");
    }
    assert_eq!(two.succeeded(&two.other.place), before);
    fs::remove_file(two.cloud.path("disabled")).unwrap();
    eventually("it is asked again", 10, || two.is_up(&two.other.place));
    assert!(
        two.cloud
            .logs()
            .contains("its health check says that it is out of service")
    );
    two.stop();
}

/// A registry that is in good health and hangs up on every call when it has read it.
struct Liar {
    address: String,
    /// Calls that read, and others.
    reads: Arc<AtomicU64>,
    changes: Arc<AtomicU64>,
}

impl Liar {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let liar = Self {
            address,
            reads: Arc::default(),
            changes: Arc::default(),
        };
        let (reads, changes) = (liar.reads.clone(), liar.changes.clone());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (reads, changes) = (reads.clone(), changes.clone());
                thread::spawn(move || lie(connection.unwrap(), &reads, &changes));
            }
        });
        liar
    }
}

fn lie(mut connection: TcpStream, reads: &AtomicU64, changes: &AtomicU64) {
    loop {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut bytes = [0; 4096];
            match connection.read(&mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(count) => head.extend_from_slice(&bytes[..count]),
            }
        }
        if head.starts_with(b"GET /healthcheck ") {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
            connection.write_all(answer).unwrap();
            continue;
        }
        let count = if head.starts_with(b"GET ") {
            reads
        } else {
            changes
        };
        count.fetch_add(1, Ordering::SeqCst);
        return;
    }
}

#[test]
fn a_change_whose_answer_is_lost_is_not_made_twice() {
    let liar = Liar::start();
    let mut cloud = Setup::new().prepare();
    let places = format!("{},{}", cloud.registry_address(), liar.address);
    cloud.set_api("DEFAULT", "registry_host", &places);
    cloud.start_registry();
    cloud.start_api();
    let owner = cloud.newcomer();
    let (mut made, mut put_off) = (Vec::new(), 0);
    for number in 0..20 {
        let answer = owner.send(owner.new_disk(&format!("once {number}")));
        match answer.status {
            201 => made.push(answer.json()["image"]["id"].as_str().unwrap().to_owned()),
            _ => {
                unavailable(&answer);
                put_off += 1;
            }
        }
    }
    let changes = liar.changes.load(Ordering::SeqCst);
    assert!(put_off > 0 && changes >= put_off, "{put_off} {changes}");
    // What only reads is answered in any case.
    for _ in 0..20 {
        let mut listed = owner.list("");
        listed.sort();
        made.sort();
        assert_eq!(listed, made);
    }
    assert!(liar.reads.load(Ordering::SeqCst) > 0);
    cloud.stop();
}
