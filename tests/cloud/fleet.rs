//! The daemons of the cloud, each with its port, its configuration and its log.

use std::path::PathBuf;
use std::time::Duration;

use functional::{Cloud, Connection, Daemon, Port, Request, Service, Setup, Signal, within};

pub(crate) const APIS: usize = 3;
pub(crate) const REGISTRIES: usize = 2;
/// Long enough for a busy machine, short enough for a story.
pub(crate) const LEASE: u64 = 5;

/// One daemon, which runs or not.
pub(crate) struct Member {
    program: &'static str,
    conf: PathBuf,
    log: PathBuf,
    port: Port,
    daemon: Option<Daemon>,
}

impl Member {
    fn start(&mut self) {
        let mut daemon = Daemon::start(self.program, &self.conf, &self.log, &[]);
        let address = self.address();
        let answered = within(Duration::from_secs(30), || {
            assert!(daemon.ended().is_none(), "{}", daemon.log());
            let mut connection = Connection::open(&address).ok()?;
            connection.exchange(&Request::get("/")).ok()
        });
        assert!(answered.is_some(), "{address}: {}", daemon.log());
        self.daemon = Some(daemon);
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    pub(crate) fn kill_and_restart(&mut self) {
        self.daemon.take().expect("it runs").kill();
        self.start();
    }

    pub(crate) fn stop_and_restart(&mut self) {
        self.daemon.take().expect("it runs").stop();
        self.start();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.daemon.as_ref().expect("it runs").signal(signal);
    }
}

/// All of them, on one database and one Swift.
pub(crate) struct Fleet {
    pub(crate) apis: Vec<Member>,
    pub(crate) registries: Vec<Member>,
    /// Only its directory and its database: its own two daemons do not run.
    pub(crate) home: Cloud,
}

impl Fleet {
    pub(crate) fn start(swift: &Service) -> Self {
        let registries = ports(REGISTRIES);
        let apis = ports(APIS);
        let hosts: Vec<String> = registries.iter().map(Port::address).collect();
        let home = configuration(swift, &hosts.join(",")).prepare();
        let mut fleet = Self {
            registries: members(&home, "glance-registry", registries),
            apis: members(&home, "glance-api", apis),
            home,
        };
        for member in fleet.registries.iter_mut().chain(&mut fleet.apis) {
            member.start();
        }
        fleet
    }

    pub(crate) fn api_addresses(&self) -> Vec<String> {
        self.apis.iter().map(Member::address).collect()
    }

    /// Stops all; fails the story unless each ends successfully.
    pub(crate) fn stop(self) {
        for member in self.apis.into_iter().chain(self.registries) {
            if let Some(daemon) = member.daemon {
                daemon.stop();
            }
        }
    }
}

fn configuration(swift: &Service, registries: &str) -> Setup {
    let store = |setup: Setup, name: &str, value: &str| setup.api_in("glance_store", name, value);
    let mut setup = Setup::new()
        .both("service", "lease_seconds", &LEASE.to_string())
        .api("registry_host", registries);
    for (name, value) in [
        ("stores", "file,http,swift"),
        ("default_store", "swift"),
        ("swift_store_auth_version", "1"),
        ("swift_store_create_container_on_put", "True"),
        ("swift_store_large_object_size", "5"),
        ("swift_store_large_object_chunk_size", "4"),
    ] {
        setup = store(setup, name, value);
    }
    for (name, variable) in [
        ("swift_store_auth_address", "SWIFT_AUTH_URL"),
        ("swift_store_user", "SWIFT_USER"),
        ("swift_store_key", "SWIFT_KEY"),
    ] {
        setup = store(setup, name, &swift.variable(variable));
    }
    setup
}

fn ports(count: usize) -> Vec<Port> {
    (0..count).map(|_| Port::take()).collect()
}

fn members(home: &Cloud, program: &'static str, ports: Vec<Port>) -> Vec<Member> {
    let shared = std::fs::read_to_string(home.path(&format!("{program}.conf"))).unwrap();
    let numbered = ports.into_iter().enumerate();
    numbered
        .map(|(number, port)| {
            let conf = home.path(&format!("{program}-{number}.conf"));
            let own = format!("{shared}\n[DEFAULT]\nbind_port = {}\n", port.number);
            std::fs::write(&conf, own).unwrap();
            Member {
                program,
                conf,
                log: home.path(&format!("{program}-{number}.out")),
                port,
                daemon: None,
            }
        })
        .collect()
}
