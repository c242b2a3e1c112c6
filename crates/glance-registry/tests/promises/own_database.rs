//! A test's own database on a server, and the server's own client.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use glance_registry::db::{Conn, Target};

/// A database on the server, which goes when this is dropped.
pub(crate) struct OwnDatabase {
    server: String,
    /// Its name on the server.
    pub(crate) name: String,
    /// As `[database] connection` has it.
    pub(crate) url: String,
}

impl OwnDatabase {
    /// None: the tests' databases are files.
    pub(crate) fn new() -> Option<Self> {
        let server = std::env::var("GLANCE_TEST_DATABASE").ok()?;
        let server = Some(server).filter(|url| !url.is_empty() && !url.starts_with("sqlite"))?;
        Some(Self::on(&server))
    }

    /// On this server.
    pub(crate) fn on(server: &str) -> Self {
        let name = format!("promises_{}", uuid::Uuid::new_v4().simple());
        let (before, database) = server.rsplit_once('/').unwrap();
        let query = database.split_once('?').map_or("", |(_, query)| query);
        let url = format!("{before}/{name}?{query}");
        let create = format!("CREATE DATABASE {name}");
        connect(server).batch(&create).unwrap();
        Self {
            server: server.to_owned(),
            name,
            url,
        }
    }

    /// PostgreSQL, else MySQL or MariaDB.
    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// The server's own client, which reads SQL from its input.
    fn client(&self) -> Command {
        let url = self.url.split_once("://").unwrap().1;
        let (who, address) = url.rsplit_once('@').unwrap();
        let (user, password) = who.split_once(':').unwrap();
        let (host, port) = address.split_once('/').unwrap().0.split_once(':').unwrap();
        let mut client = if self.is_postgres() {
            let mut client = Command::new("psql");
            client
                .env("PGPASSWORD", password)
                .args(["-qXtA", "-v", "ON_ERROR_STOP=1"]);
            client.args(["-h", host, "-p", port, "-U", user, "-d", &self.name]);
            client
        } else {
            let mut client = Command::new("mariadb");
            client
                .env("MYSQL_PWD", password)
                .args(["--no-defaults", "-NB"]);
            client.args(["-h", host, "-P", port, "-u", user, &self.name]);
            client
        };
        client.stdin(Stdio::piped()).stdout(Stdio::piped());
        client
    }

    /// Lets the client read the sample, whose form only it knows.
    pub(crate) fn load(&self, samples: &Path) {
        let sample = if self.is_postgres() {
            "glance-15.0.2.postgresql.sql"
        } else {
            "glance-15.0.2.mariadb.sql"
        };
        let sample = std::fs::File::open(samples.join(sample)).unwrap();
        let status = self.client().stdin(sample).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
    }

    /// What the client says to a question, a line for each row.
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        let mut client = self.client().spawn().unwrap();
        let mut input = client.stdin.take().unwrap();
        input.write_all(sql.as_bytes()).unwrap();
        drop(input);
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{sql}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let force = if self.is_postgres() {
            " WITH (FORCE)"
        } else {
            ""
        };
        let drop = format!("DROP DATABASE {}{force}", self.name);
        // A daemon may be dying still.
        let _ = connect(&self.server).batch(&drop);
    }
}

/// A connection past the daemon.
pub(crate) fn connect(url: &str) -> Conn {
    glance_registry::db::open(&target(url)).unwrap()
}

/// What a URL stands for.
pub(crate) fn target(url: &str) -> Target {
    Target::parse(url, true, Duration::from_secs(60)).unwrap()
}
