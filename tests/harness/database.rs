//! The database of one story's registry, on the engine that `GLANCE_TEST_DATABASE` names.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names a server on which databases may be made, as in `[database] connection`; else SQLite.
pub(crate) const SERVER: &str = "GLANCE_TEST_DATABASE";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database that nobody else uses: empty at first, gone when dropped.
#[derive(Debug)]
pub struct Database {
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// In the story's directory, and removed with it.
    File(PathBuf),
    Server(Server, String),
}

impl Database {
    /// A file in this directory, or one of its own on the server that the environment names.
    pub(crate) fn make(directory: &Path) -> Self {
        let Ok(url) = std::env::var(SERVER) else {
            let place = Place::File(directory.join("glance.sqlite"));
            return Self { place };
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("glance_story_{}_{number}", std::process::id());
        let database = Self {
            place: Place::Server(Server::at(&url), name),
        };
        database.empty();
        database
    }

    /// What `[database] connection` has to be.
    pub fn connection(&self) -> String {
        match &self.place {
            Place::File(path) => format!("sqlite:///{}", path.display()),
            Place::Server(server, name) => server.connection(name),
        }
    }

    /// Makes it a database without tables. Nobody may be using it.
    pub fn empty(&self) {
        match &self.place {
            Place::File(path) => remove_files(path),
            Place::Server(server, name) => {
                server.remove(name);
                server.ask(None, &format!("CREATE DATABASE {name}"));
            }
        }
    }

    /// Makes the empty database a copy of the one that Glance 15 wrote.
    pub(crate) fn fill_as_glance_did(&self) {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/databases");
        match &self.place {
            Place::File(path) => {
                std::fs::copy(recorded.join("glance-15.0.2.sqlite"), path).expect("a copy");
            }
            Place::Server(server, name) => {
                let dump = if server.is_postgres() {
                    "glance-15.0.2.postgresql.sql"
                } else {
                    "glance-15.0.2.mariadb.sql"
                };
                let dump = std::fs::read_to_string(recorded.join(dump));
                server.ask(Some(name), &dump.expect("the recorded database"));
            }
        }
    }

    /// Whether any location of an image has this text in it.
    pub fn locates_by(&self, text: &str) -> bool {
        match &self.place {
            Place::File(path) => ["", "-wal"].iter().any(|end| {
                let bytes = std::fs::read(companion(path, end)).unwrap_or_default();
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            }),
            Place::Server(server, name) => {
                let all = "SELECT value, meta_data FROM image_locations";
                server.ask(Some(name), all).contains(text)
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Server(server, name) = &self.place {
            server.remove(name);
        }
    }
}

fn companion(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn remove_files(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        // Some of them may not be there.
        let _ = std::fs::remove_file(companion(path, end));
    }
}

#[derive(Debug)]
struct Server {
    /// `scheme://user:password@host:port`, as the environment has it.
    base: String,
    /// With its question mark, or nothing.
    query: String,
    /// The database that is there already.
    home: String,
}

impl Server {
    fn at(url: &str) -> Self {
        let (address, query) = match url.find('?') {
            Some(mark) => url.split_at(mark),
            None => (url, ""),
        };
        let named = address.rsplit_once('/');
        let (base, home) = named
            .filter(|(base, _)| base.contains("://"))
            .unwrap_or_else(|| panic!("{SERVER} is not scheme://user:password@host:port/name"));
        Self {
            base: base.to_owned(),
            query: query.to_owned(),
            home: home.to_owned(),
        }
    }

    fn is_postgres(&self) -> bool {
        self.base.starts_with("postgres")
    }

    fn connection(&self, name: &str) -> String {
        format!("{}/{name}{}", self.base, self.query)
    }

    /// A failure is told and no more: nobody else uses the name, and the server ends with the suite. MariaDB
    /// 10.11 that makes triggers in several databases at once leaves, in one of 400, a `.TRG-` file behind that
    /// it does not remove itself.
    fn remove(&self, name: &str) {
        let force = if self.is_postgres() {
            " WITH (FORCE)"
        } else {
            ""
        };
        let drop = format!("DROP DATABASE IF EXISTS {name}{force}");
        let output = self.run(None, &drop);
        if !output.status.success() {
            eprintln!("{drop}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// What the engine's own client says; of the database that is there already without a name.
    fn ask(&self, name: Option<&str>, sql: &str) -> String {
        let output = self.run(name, sql);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql:.200}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&self, name: Option<&str>, sql: &str) -> Output {
        let name = name.unwrap_or(&self.home);
        let (_, address) = self.base.split_once("://").expect("checked in `at`");
        let mut client = if self.is_postgres() {
            let mut client = Command::new(psql());
            client
                .env("PGOPTIONS", "-c client_min_messages=error")
                .args(["-qXtA", "-v", "ON_ERROR_STOP=1", "-d"])
                .arg(format!("postgresql://{address}/{name}"));
            client
        } else {
            let (user, place) = address.rsplit_once('@').expect("a user is named");
            let (user, password) = user.split_once(':').expect("a password is named");
            let (host, port) = place.split_once(':').unwrap_or((place, "3306"));
            let mut client = Command::new("mariadb");
            client
                .env("MYSQL_PWD", password)
                .args(["--no-defaults", "--protocol=tcp", "-NB"])
                .args(["-h", host, "-P", port, "-u", user, name]);
            client
        };
        // By its input, for a dump is longer than an argument may be.
        let mut statements = tempfile::tempfile().expect("a temporary file");
        statements.write_all(sql.as_bytes()).expect("written");
        statements.rewind().expect("rewound");
        client
            .stdin(statements)
            .output()
            .unwrap_or_else(|error| panic!("{client:?}: {error}"))
    }
}

/// Debian's `psql` is a script that looks for the newest version, slowly.
fn psql() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let programs = versions.into_iter().flatten().flatten();
    let mut programs: Vec<PathBuf> = programs
        .map(|version| version.path().join("bin/psql"))
        .filter(|program| program.exists())
        .collect();
    programs.sort();
    programs.pop().unwrap_or_else(|| PathBuf::from("psql"))
}
