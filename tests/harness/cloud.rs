//! Both daemons in a directory of their own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::{
    Configuration, Connection, Daemon, Database, Port, Request, Response, Signed, Tls, invocation,
    within,
};

/// What a cloud will be like.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    api: Configuration,
    registry: Configuration,
    api_environment: Vec<(String, String)>,
    registry_environment: Vec<(String, String)>,
    api_tls: Option<Tls>,
    registry_tls: Option<Tls>,
    adopts: bool,
}

impl Setup {
    /// A database of its own, the file store, flavor `fakeauth`, everything else as by default.
    pub fn new() -> Self {
        Self::default()
    }

    /// An option of glance-api, in `[DEFAULT]`.
    pub fn api(self, name: &str, value: &str) -> Self {
        self.api_in("DEFAULT", name, value)
    }

    /// An option of glance-api.
    pub fn api_in(mut self, section: &str, name: &str, value: &str) -> Self {
        self.api.set(section, name, value);
        self
    }

    /// An option of glance-registry, in `[DEFAULT]`.
    pub fn registry(self, name: &str, value: &str) -> Self {
        self.registry_in("DEFAULT", name, value)
    }

    /// An option of glance-registry.
    pub fn registry_in(mut self, section: &str, name: &str, value: &str) -> Self {
        self.registry.set(section, name, value);
        self
    }

    /// An option of both daemons.
    pub fn both(self, section: &str, name: &str, value: &str) -> Self {
        self.api_in(section, name, value)
            .registry_in(section, name, value)
    }

    /// glance-api shows this certificate, and the story's clients speak TLS so.
    pub fn api_over_tls(self, shown: &Signed, clients: &Tls) -> Self {
        let (cert_file, key_file) = shown.paths();
        let mut setup = self.api("cert_file", &cert_file).api("key_file", &key_file);
        setup.api_tls = Some(clients.clone());
        setup
    }

    /// glance-registry shows this certificate, glance-api speaks TLS to it, and the story's clients
    /// do so.
    pub fn registry_over_tls(self, shown: &Signed, clients: &Tls) -> Self {
        let (cert_file, key_file) = shown.paths();
        let mut setup = self
            .registry("cert_file", &cert_file)
            .registry("key_file", &key_file)
            .api("registry_client_protocol", "https");
        setup.registry_tls = Some(clients.clone());
        setup
    }

    /// An environment variable of glance-api, until it is started again.
    pub fn api_environment(mut self, name: &str, value: &str) -> Self {
        self.api_environment
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// An environment variable of glance-registry, until it is started again.
    pub fn registry_environment(mut self, name: &str, value: &str) -> Self {
        self.registry_environment
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// The database is the one that Glance 15 wrote.
    pub fn on_glances_database(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Starts the registry, then the API, and waits until both answer.
    pub fn start(self) -> Cloud {
        let mut cloud = self.prepare();
        cloud.start_registry();
        cloud.start_api();
        cloud
    }

    /// Everything but running daemons: directory, ports, both configuration files, the schema.
    pub fn prepare(self) -> Cloud {
        let directory = TempDir::with_prefix("glance-story-").expect("a temporary directory");
        let (api_port, registry_port) = (Port::take(), Port::take());
        let path = |name: &str| directory.path().join(name);
        let given = self.registry.get("database", "connection");
        let database = match given {
            Some(_) => None,
            None => Some(Database::make(directory.path())),
        };
        if let Some(database) = database.as_ref().filter(|_| self.adopts) {
            database.fill_as_glance_did();
        }
        let mut defaults = Setup::new()
            .both("DEFAULT", "bind_host", "127.0.0.1")
            .both("paste_deploy", "flavor", "fakeauth")
            .both("service", "shutdown_timeout", "15")
            .api("bind_port", &api_port.number.to_string())
            .api("registry_host", "127.0.0.1")
            .api("registry_port", &registry_port.number.to_string())
            .api_in(
                "glance_store",
                "filesystem_store_datadir",
                &path("images").display().to_string(),
            )
            .registry("bind_port", &registry_port.number.to_string());
        if let Some(database) = &database {
            defaults = defaults.both("database", "connection", &database.connection());
        }
        defaults.api.merge(&self.api);
        defaults.registry.merge(&self.registry);
        let cloud = Cloud {
            api: None,
            registry: None,
            api_address: api_port.address(),
            registry_address: registry_port.address(),
            setup: Setup {
                api: defaults.api,
                registry: defaults.registry,
                ..self
            },
            database,
            directory: Some(directory),
            _ports: vec![api_port, registry_port],
        };
        cloud.write_configuration();
        cloud.synchronize_database();
        cloud
    }
}

/// A running service, or one that runs elsewhere.
#[derive(Debug)]
pub struct Cloud {
    api: Option<Daemon>,
    registry: Option<Daemon>,
    api_address: String,
    registry_address: String,
    setup: Setup,
    // After the daemons, so that they are removed only when those are gone.
    database: Option<Database>,
    directory: Option<TempDir>,
    _ports: Vec<Port>,
}

impl Cloud {
    /// The server that `GLANCE_TEST_API` names, else one of its own with default options.
    pub fn anywhere() -> Self {
        match std::env::var("GLANCE_TEST_API") {
            Ok(api_address) => Self {
                api: None,
                registry: None,
                api_address,
                registry_address: String::new(),
                setup: Setup::new(),
                database: None,
                directory: None,
                _ports: Vec::new(),
            },
            Err(_) => Setup::new().start(),
        }
    }

    /// `host:port` of the API.
    pub fn address(&self) -> &str {
        &self.api_address
    }

    /// `host:port` of the registry.
    pub fn registry_address(&self) -> &str {
        &self.registry_address
    }

    /// A path in the cloud's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory
            .as_ref()
            .expect("a cloud of its own has a directory")
            .path()
            .join(name)
    }

    /// The file store's directory.
    pub fn data_directory(&self) -> PathBuf {
        let given = self
            .setup
            .api
            .get("glance_store", "filesystem_store_datadir");
        PathBuf::from(given.expect("every cloud of its own has a data directory"))
    }

    /// The registry's database, unless the story has named another one.
    pub fn database(&self) -> &Database {
        self.database
            .as_ref()
            .expect("the story has named no other database")
    }

    /// A new connection to the API.
    pub fn connect(&self) -> Connection {
        open(&self.api_address, self.setup.api_tls.as_ref())
            .unwrap_or_else(|error| panic!("no connection to {}: {error}", self.api_address))
    }

    /// Sends one request to the API on a connection of its own.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        self.try_send(request)
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// The same, when it may fail.
    pub fn try_send(&self, request: Request) -> std::io::Result<Response> {
        open(&self.api_address, self.setup.api_tls.as_ref())?.exchange(&request)
    }

    /// Sends one request to the registry.
    pub fn send_to_registry(&self, request: Request) -> Response {
        let connection = open(&self.registry_address, self.setup.registry_tls.as_ref());
        let answer = connection.and_then(|mut connection| connection.exchange(&request));
        answer.unwrap_or_else(|error| panic!("no answer of the registry: {error}"))
    }

    /// The running glance-api.
    pub fn api(&mut self) -> &mut Daemon {
        self.api.as_mut().expect("glance-api was started")
    }

    /// The running glance-registry.
    pub fn registry(&mut self) -> &mut Daemon {
        self.registry.as_mut().expect("glance-registry was started")
    }

    /// Takes the running glance-api out, to stop or kill it.
    pub fn take_api(&mut self) -> Daemon {
        self.api.take().expect("glance-api was started")
    }

    /// Takes the running glance-registry out, to stop or kill it.
    pub fn take_registry(&mut self) -> Daemon {
        self.registry.take().expect("glance-registry was started")
    }

    /// Starts glance-api and waits until it answers.
    pub fn start_api(&mut self) {
        let environment = std::mem::take(&mut self.setup.api_environment);
        let (conf, log) = (self.path("glance-api.conf"), self.path("glance-api.out"));
        let mut daemon = Daemon::start("glance-api", &conf, &log, &environment);
        let tls = self.setup.api_tls.as_ref();
        wait_until_it_answers(&mut daemon, &self.api_address, tls);
        self.api = Some(daemon);
    }

    /// Starts glance-registry and waits until it answers.
    pub fn start_registry(&mut self) {
        let environment = std::mem::take(&mut self.setup.registry_environment);
        let (conf, log) = (
            self.path("glance-registry.conf"),
            self.path("glance-registry.out"),
        );
        let mut daemon = Daemon::start("glance-registry", &conf, &log, &environment);
        let tls = self.setup.registry_tls.as_ref();
        wait_until_it_answers(&mut daemon, &self.registry_address, tls);
        self.registry = Some(daemon);
    }

    /// Changes an option of glance-api in its file; it counts from the next start or reload.
    pub fn set_api(&mut self, section: &str, name: &str, value: &str) {
        self.setup.api.set(section, name, value);
        self.write_configuration();
    }

    /// Takes an option out of glance-api's file; that counts from the next start or reload.
    pub fn unset_api(&mut self, section: &str, name: &str) {
        self.setup.api.unset(section, name);
        self.write_configuration();
    }

    /// Stops both daemons by SIGTERM; fails the story unless both end successfully.
    pub fn stop(mut self) {
        for daemon in [self.api.take(), self.registry.take()]
            .into_iter()
            .flatten()
        {
            daemon.stop();
        }
    }

    /// Everything both daemons logged.
    pub fn logs(&self) -> String {
        let daemons = [self.api.as_ref(), self.registry.as_ref()];
        daemons.into_iter().flatten().map(Daemon::log).collect()
    }

    fn write_configuration(&self) {
        let write = |name: &str, text: String| {
            std::fs::write(self.path(name), text).expect("the directory can be written");
        };
        write("glance-api.conf", self.setup.api.text());
        write("glance-registry.conf", self.setup.registry.text());
    }

    fn synchronize_database(&self) {
        let conf = self.path("glance-registry.conf");
        let output = manage(&conf, "db_sync");
        assert!(
            output.status.success(),
            "db_sync: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn manage(conf: &Path, command: &str) -> std::process::Output {
    let mut manage = invocation("glance-manage");
    manage.arg("--config-file").arg(conf).arg(command);
    manage.output().expect("glance-manage can be started")
}

fn open(address: &str, tls: Option<&Tls>) -> std::io::Result<Connection> {
    match tls {
        None => Connection::open(address),
        Some(tls) => Connection::open_tls(address, tls),
    }
}

fn wait_until_it_answers(daemon: &mut Daemon, address: &str, tls: Option<&Tls>) {
    let answered = within(Duration::from_secs(30), || {
        if let Some(status) = daemon.ended() {
            panic!("it ended with {status}:\n{}", daemon.log());
        }
        open(address, tls).ok()?.exchange(&Request::get("/")).ok()
    });
    assert!(
        answered.is_some(),
        "no answer from {address}:\n{}",
        daemon.log()
    );
}
