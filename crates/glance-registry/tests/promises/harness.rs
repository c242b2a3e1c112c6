//! Starts the daemon on a database of its own, and talks to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use glance_registry::db::Conn;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::own_database::{OwnDatabase, connect, target};

#[path = "../../../../tests/harness/port.rs"]
#[allow(
    unreachable_pub,
    clippy::expect_used,
    reason = "the stories have it in a library of their own"
)]
mod port;
use port::Port;

pub(crate) const ADMIN: &str = "adm:tadm:admin";
pub(crate) const T1: &str = "u1:t1:member";
pub(crate) const T2: &str = "u2:t2:member";

/// A directory with a configuration, and a database: a file in it, or one of its own on the server
/// that `GLANCE_TEST_DATABASE` names.
pub(crate) struct Place {
    directory: TempDir,
    port: Port,
    own: Option<OwnDatabase>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// A place whose database is a file, whatever the others have.
    pub(crate) fn in_file() -> Self {
        Self::owning("", None, None)
    }

    /// A place with a database of its own on this server.
    pub(crate) fn on(server: &str) -> Self {
        Self::owning("", None, Some(OwnDatabase::on(server)))
    }

    /// A place with further lines in its configuration, which begin in `[DEFAULT]`.
    pub(crate) fn with(options: &str) -> Self {
        Self::configured(options, None)
    }

    /// A place whose database is elsewhere.
    pub(crate) fn at(connection: &str) -> Self {
        Self::configured("", Some(connection))
    }

    /// A place as [`Place::with`] makes it, but its daemon comes as `way` says to its database on a
    /// server. None: the tests' databases are files.
    pub(crate) fn by_way(options: &str, way: impl FnOnce(&str) -> String) -> Option<Self> {
        let own = OwnDatabase::new()?;
        let connection = way(&own.url);
        Some(Self::owning(options, Some(&connection), Some(own)))
    }

    fn configured(options: &str, connection: Option<&str>) -> Self {
        let own = match connection {
            None => OwnDatabase::new(),
            Some(_) => None,
        };
        Self::owning(options, connection, own)
    }

    fn owning(options: &str, connection: Option<&str>, own: Option<OwnDatabase>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self {
            directory,
            port: Port::take(),
            own,
        };
        let port = place.port.number;
        let own = place.connection();
        let connection = connection.unwrap_or(&own);
        let text = format!(
            "[database]\nconnection = {connection}\nmax_retries = 0\n\
             [paste_deploy]\nflavor = fakeauth\n\
             [DEFAULT]\nbind_host = 127.0.0.1\nbind_port = {port}\n{options}\n"
        );
        std::fs::write(place.configuration(), text).unwrap();
        place
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("glance.sqlite")
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("glance-registry.conf")
    }

    /// A copy of the database that Glance 15.0.2 wrote.
    pub(crate) fn with_glances_database() -> Self {
        let place = Self::new();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/databases");
        match &place.own {
            None => {
                let sample = samples.join("glance-15.0.2.sqlite");
                std::fs::copy(sample, place.database()).unwrap();
            }
            Some(own) => own.load(&samples),
        }
        place
    }

    /// Whether the database is a file, which has some promises of its own.
    pub(crate) fn is_file(&self) -> bool {
        self.own.is_none()
    }

    /// SQL that ends all connections to the database but the one that it is said through. None: the
    /// engine has no such words.
    pub(crate) fn end_of_all_connections(&self) -> Option<&'static str> {
        let postgres = self.own.as_ref().is_some_and(OwnDatabase::is_postgres);
        postgres.then_some(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    }

    /// Whether most of the database's texts end at U+FFFF.
    pub(crate) fn has_narrow_texts(&self) -> bool {
        self.has_whole_seconds()
    }

    /// Whether the database's columns of times have whole seconds only.
    pub(crate) fn has_whole_seconds(&self) -> bool {
        self.own.as_ref().is_some_and(|own| !own.is_postgres())
    }

    /// The URL of a database on a server.
    pub(crate) fn url(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.url.as_str())
    }

    /// A path of this place for a file of the test's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits until what changes now gets a later time than what changed before: MySQL's columns have
    /// whole seconds.
    pub(crate) fn let_time_pass(&self) {
        if self.own.as_ref().is_some_and(|own| !own.is_postgres()) {
            std::thread::sleep(Duration::from_millis(1100));
        }
    }

    /// A connection past the daemon to the database's file.
    pub(crate) fn sql(&self) -> diesel::sqlite::SqliteConnection {
        use diesel::Connection;
        use diesel::connection::SimpleConnection;
        let path = self.database().display().to_string();
        let mut conn = diesel::sqlite::SqliteConnection::establish(&path).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        conn
    }

    /// A connection past the daemon.
    pub(crate) fn connect(&self) -> Conn {
        connect(&self.connection())
    }

    /// A connection of a user, called as the database, whose password PostgreSQL wants shown by
    /// SCRAM, which is its newer versions' way. None: another engine.
    pub(crate) fn connect_by_scram(&self) -> Option<Conn> {
        let own = self.own.as_ref().filter(|own| own.is_postgres())?;
        let (name, address) = (&own.name, own.url.rsplit_once('@').unwrap().1);
        self.execute(&format!(
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE {name} LOGIN PASSWORD 'p@:/s'"
        ));
        let url = format!("postgresql://{name}:p%40%3A%2Fs@{address}");
        Some(connect(&url))
    }

    pub(crate) fn forget_who_came_by_scram(&self) {
        if let Some(own) = &self.own {
            self.execute(&format!("DROP ROLE {}", own.name));
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.connect().batch(sql).unwrap();
    }

    /// What an engine's own client says to the question that is for it; a line for each row. The
    /// questions are SQLite's, PostgreSQL's and MariaDB's.
    pub(crate) fn ask(&self, [file, postgres, mysql]: [&str; 3]) -> Vec<String> {
        match &self.own {
            Some(own) if own.is_postgres() => own.ask(postgres),
            Some(own) => own.ask(mysql),
            None => {
                use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
                #[derive(QueryableByName)]
                struct Row {
                    #[diesel(sql_type = Text)]
                    line: String,
                }
                let rows: Vec<Row> = sql_query(file).load(&mut self.sql()).unwrap();
                rows.into_iter().map(|row| row.line).collect()
            }
        }
    }

    /// Takes back what we added to Glance's tables.
    pub(crate) fn revert(&self) {
        let target = target(&self.connection());
        let mut conn = glance_registry::db::open(&target).unwrap();
        glance_registry::db::revert(&mut conn, &target).unwrap();
    }

    /// The database's URL.
    fn connection(&self) -> String {
        let file = || format!("sqlite:///{}", self.database().display());
        self.own.as_ref().map_or_else(file, |own| own.url.clone())
    }

    pub(crate) fn manage_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glance-manage"));
        command
            .arg("--config-file")
            .arg(self.configuration())
            .args(arguments);
        command
    }

    pub(crate) fn manage(&self, arguments: &[&str]) -> (i32, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.manage_command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        (status.code().unwrap(), text.into_owned())
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glance-registry"));
        command
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn start(&self) -> Registry {
        let (ready, errors) = (self.path("ready"), self.path("errors"));
        let _ = std::fs::remove_file(&ready);
        let child = self
            .command()
            .env("GLANCE_READY_FILE", &ready)
            .stderr(std::fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let mut registry = Registry {
            child,
            address: self.port.address(),
        };
        let begun = Instant::now();
        while !ready.exists() {
            let ended = registry.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(120),
                "the daemon does not start ({ended:?}): {}",
                std::fs::read_to_string(&errors).unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        registry
    }
}

/// A running daemon; dropping it kills it.
pub(crate) struct Registry {
    pub(crate) child: Child,
    address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn image(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["image"].clone()
    }

    /// The names in a list.
    pub(crate) fn names(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let images = self.json()["images"].as_array().unwrap().clone();
        images
            .iter()
            .map(|image| image["name"].as_str().unwrap_or("-").to_owned())
            .collect()
    }
}

/// 503, and when to come again.
#[track_caller]
pub(crate) fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let headers = answer.headers.to_lowercase();
    assert!(headers.contains("\r\nretry-after: "), "{answer:?}");
}

impl Registry {
    /// A connection that has been used once and is kept open.
    pub(crate) fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .write_all(b"GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        stream
    }

    /// Sends bytes as they are, and reads until the peer closes; nothing if the connection breaks.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .ok()?;
        // The daemon may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        let text = String::from_utf8_lossy(&read).into_owned();
        let (headers, text) = text.split_once("\r\n\r\n")?;
        let status = headers.split(' ').nth(1)?.parse().ok()?;
        Some(Answer {
            status,
            headers: headers.to_owned(),
            text: text.to_owned(),
        })
    }

    pub(crate) fn try_send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Option<Answer> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nX-Auth-Token: {token}\r\n"
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(body.unwrap_or(""));
        self.raw(head.as_bytes())
    }

    pub(crate) fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        self.try_send(token, method, path, headers, body)
            .unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Answer {
        self.send(token, "GET", path, &[], None)
    }

    pub(crate) fn delete(&self, token: &str, path: &str) -> Answer {
        self.send(token, "DELETE", path, &[], None)
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(token, "POST", path, &[], Some(&body.to_string()))
    }

    pub(crate) fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(token, "PUT", path, &[], Some(&body.to_string()))
    }

    /// Registers an image and gives its id.
    pub(crate) fn create(&self, token: &str, image: Value) -> String {
        let answer = self.post(token, "/images", &json!({ "image": image }));
        answer.image()["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a status, perhaps from a certain one; gives the answer's status.
    pub(crate) fn turn(&self, token: &str, id: &str, to: &str, from: Option<&str>) -> u16 {
        let body = json!({"image": {"status": to}, "from_state": from});
        self.put(token, &format!("/images/{id}"), &body).status
    }

    pub(crate) fn status_of(&self, id: &str) -> String {
        let image = self.get(ADMIN, &format!("/images/{id}")).image();
        image["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }
}

/// Runs `work` in `count` threads at once and gives what they give.
pub(crate) fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(number)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
