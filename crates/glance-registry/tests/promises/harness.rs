//! Starts the daemon on a database of its own, and talks to it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ADMIN: &str = "adm:tadm:admin";
pub(crate) const T1: &str = "u1:t1:member";
pub(crate) const T2: &str = "u2:t2:member";

/// A directory with a configuration and a database.
pub(crate) struct Place {
    directory: TempDir,
    port: u16,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// A place with further lines in its configuration's `[DEFAULT]`.
    pub(crate) fn with(options: &str) -> Self {
        Self::configured(options, None)
    }

    /// A place whose database is elsewhere.
    pub(crate) fn at(connection: &str) -> Self {
        Self::configured("", Some(connection))
    }

    fn configured(options: &str, connection: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let place = Self { directory, port };
        let own = format!("sqlite:///{}", place.database().display());
        let connection = connection.unwrap_or(&own);
        let text = format!(
            "[DEFAULT]\nbind_host = 127.0.0.1\nbind_port = {port}\n{options}\n\
             [database]\nconnection = {connection}\n[paste_deploy]\nflavor = fakeauth\n"
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
        let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/golden/databases/glance-15.0.2.sqlite");
        std::fs::copy(sample, place.database()).unwrap();
        place
    }

    /// A connection past the daemon.
    pub(crate) fn sql(&self) -> diesel::sqlite::SqliteConnection {
        use diesel::Connection;
        use diesel::connection::SimpleConnection;
        let path = self.database().display().to_string();
        let mut conn = diesel::sqlite::SqliteConnection::establish(&path).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        conn
    }

    pub(crate) fn execute(&self, sql: &str) {
        use diesel::connection::SimpleConnection;
        self.sql().batch_execute(sql).unwrap();
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
        let ready = self.directory.path().join("ready");
        let _ = std::fs::remove_file(&ready);
        let child = self
            .command()
            .env("GLANCE_READY_FILE", &ready)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry {
            child,
            port: self.port,
        };
        let begun = Instant::now();
        while !ready.exists() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the daemon does not start"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        registry
    }
}

/// A running daemon; dropping it kills it.
pub(crate) struct Registry {
    pub(crate) child: Child,
    port: u16,
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

impl Registry {
    /// A connection that has been used once and is kept open.
    pub(crate) fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(b"GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        stream
    }

    /// Sends bytes as they are, and reads until the peer closes; nothing if the connection breaks.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
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
