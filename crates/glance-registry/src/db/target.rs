//! Which database, and how to get to it: `[database] connection` in SQLAlchemy's forms.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::dialect::Engine;

/// The URL names no database that we can use. The URL itself may hold a password and is not shown.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Another kind of database.
    #[error(
        "{0} is not supported; use sqlite:////absolute/path, \
         postgresql://user:password@host/database or mysql://user:password@host/database"
    )]
    Unsupported(String),
    /// Not even the beginning of a URL.
    #[error(
        "this is no URL; use sqlite:////absolute/path, \
         postgresql://user:password@host/database or mysql://user:password@host/database"
    )]
    NoUrl,
    /// No path, or none that a file can have.
    #[error("a database in a file is needed, as sqlite:////absolute/path")]
    NoPath,
    /// No database on the server, or an address that is none.
    #[error("{0}")]
    Server(String),
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file and how careful to be with it.
    File {
        /// The file.
        path: PathBuf,
        /// A change is on the disk before it is confirmed.
        durable: bool,
    },
    /// A database on a server.
    Server(Place),
}

/// A database on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) engine: Engine,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// Names or addresses with ports; none: this machine.
    pub(super) hosts: Vec<(String, Option<u16>)>,
    /// A file for MySQL, a folder for PostgreSQL.
    pub(super) socket: Option<String>,
    /// The port of hosts that name none; in PostgreSQL part of the socket's name, too.
    pub(super) port: Option<u16>,
    pub(super) database: String,
    /// What PostgreSQL is to set for each connection, as `-c name=value`.
    pub(super) options: String,
    pub(super) encryption: Encryption,
    /// What a statement may take.
    pub(super) deadline: Duration,
}

/// How the connection is kept from others' eyes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encryption {
    pub(super) wish: Wish,
    /// The authorities that are believed: a file in PEM form. None: the system's.
    pub(super) authorities: Option<PathBuf>,
    /// Whether the server's certificate is checked.
    pub(super) verified: bool,
    /// Whether it must be the host's, too.
    pub(super) identified: bool,
}

/// Whether to encrypt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wish {
    #[default]
    Never,
    /// If the server can.
    Preferred,
    Required,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("engine", &self.engine)
            .field("hosts", &self.hosts)
            .field("socket", &self.socket)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Reads SQLAlchemy's form: `sqlite:///relative/path`, `sqlite:////absolute/path`,
    /// `postgresql://user:password@host:port/database`, `mysql+pymysql://…`. `durable`: a change of a
    /// file is on the disk before it is confirmed. `deadline`: what a statement may take on a server.
    pub fn parse(url: &str, durable: bool, deadline: Duration) -> Result<Self, UrlError> {
        let (name, rest) = url.split_once("://").ok_or(UrlError::NoUrl)?;
        match name.split('+').next().unwrap_or_default() {
            "sqlite" => file(rest, durable),
            "postgresql" | "postgres" => server(Engine::Postgres, rest, deadline),
            "mysql" | "mariadb" => server(Engine::Mysql, rest, deadline),
            other => Err(UrlError::Unsupported(other.chars().take(20).collect())),
        }
    }

    /// The same database, where a statement may take so long.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        if let Self::Server(place) = &mut self {
            place.deadline = deadline;
        }
        self
    }

    /// The engine that the database is on.
    pub fn engine(&self) -> Engine {
        match self {
            Self::File { .. } => Engine::Sqlite,
            Self::Server(place) => place.engine,
        }
    }

    /// Whether the database computes on this machine's processors: in this process, or behind a socket
    /// or the loopback interface.
    pub(super) fn is_here(&self) -> bool {
        match self {
            Self::File { .. } => true,
            Self::Server(place) => place.socket.is_some() || place.hosts.iter().all(is_loopback),
        }
    }

    /// What tells the database's file from any other on this machine. None: there is none.
    pub(super) fn file_number(&self) -> Option<(u64, u64)> {
        let Self::File { path, .. } = self else {
            return None;
        };
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }

    /// The database's file, or what there is to say of a server without its secrets.
    pub fn shown(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Server(place) => place.shown(),
        }
    }
}

fn is_loopback((host, _): &(String, Option<u16>)) -> bool {
    let address = host.parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

impl Place {
    fn shown(&self) -> String {
        let hosts: Vec<&str> = self.hosts.iter().map(|(host, _)| host.as_str()).collect();
        match &self.socket {
            Some(socket) => format!("{} at {socket}", self.database),
            None => format!("{} on {}", self.database, hosts.join(", ")),
        }
    }
}

fn file(rest: &str, durable: bool) -> Result<Target, UrlError> {
    let rest = rest.split('?').next().unwrap_or_default();
    let path = rest.strip_prefix('/').ok_or(UrlError::NoPath)?;
    // SQLAlchemy decodes who asks for what, and not what for.
    if path.is_empty() || path == ":memory:" || path.contains('\0') {
        return Err(UrlError::NoPath);
    }
    let path = Path::new(path).to_owned();
    Ok(Target::File { path, durable })
}

fn server(engine: Engine, rest: &str, deadline: Duration) -> Result<Target, UrlError> {
    let wrong = |what: &str| UrlError::Server(what.to_owned());
    // A password may hold any character, as SQLAlchemy reads it; the last @ ends it.
    let (who, rest) = match rest.rsplit_once('@') {
        Some((who, rest)) => (Some(who), rest),
        None => (None, rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    let who = who.map(|who| who.split_once(':').unwrap_or((who, "")));
    let (user, password) = who.unwrap_or_default();
    let given = |text: &str, what: &str| match decoded(text) {
        Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        None => Err(wrong(what)),
    };
    let mut place = Place {
        engine,
        user: given(user, "the user is not UTF-8")?,
        password: given(password, "the password is not UTF-8")?,
        hosts: Vec::new(),
        socket: None,
        port: None,
        database: database.to_owned(),
        options: String::new(),
        encryption: Encryption::default(),
        deadline,
    };
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        let (host, port) = address(host)?;
        // A port alone is that of the socket, which an option names.
        match host.is_empty() {
            true => place.port = port,
            false => place.hosts.push((host, port)),
        }
    }
    if engine == Engine::Postgres {
        place.encryption.wish = Wish::Preferred;
    }
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decoded(value).ok_or_else(|| wrong("an option is not UTF-8"))?;
        place.option(name, &value)?;
    }
    if place.database.is_empty() {
        return Err(wrong("the name of a database on the server is needed"));
    }
    if place.hosts.is_empty() && place.socket.is_none() {
        place.hosts.push(("localhost".to_owned(), None));
    }
    Ok(Target::Server(place))
}

impl Place {
    fn option(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        let encryption = &mut self.encryption;
        let yes = matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes");
        match (self.engine, name) {
            (Engine::Postgres, "host") if value.starts_with('/') => {
                self.socket = Some(value.to_owned());
            }
            (Engine::Postgres, "host") => {
                for host in value.split(',') {
                    self.hosts.push(address(host)?);
                }
            }
            (Engine::Postgres, "port") => self.port = address(&format!(":{value}"))?.1,
            (Engine::Postgres, "sslmode") => {
                encryption.wish = match value {
                    "disable" => Wish::Never,
                    "allow" | "prefer" => Wish::Preferred,
                    "require" | "verify-ca" | "verify-full" => Wish::Required,
                    _ => return Err(UrlError::Server("no such sslmode".to_owned())),
                };
                encryption.verified |= value.starts_with("verify");
                encryption.identified = value == "verify-full";
            }
            (Engine::Postgres, "sslrootcert") => {
                encryption.authorities = Some(value.into());
                encryption.verified = true;
            }
            (Engine::Mysql, "unix_socket") => self.socket = Some(value.to_owned()),
            (Engine::Mysql, "ssl_ca") => {
                encryption.wish = Wish::Required;
                encryption.authorities = Some(value.into());
                encryption.verified = true;
            }
            (Engine::Mysql, "ssl") => {
                if yes {
                    encryption.wish = Wish::Required;
                }
            }
            (Engine::Mysql, "ssl_mode") => {
                let mode = value.to_ascii_uppercase();
                encryption.wish = match mode.as_str() {
                    "DISABLED" => Wish::Never,
                    "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY" => Wish::Required,
                    _ => return Err(UrlError::Server("no such ssl_mode is supported".to_owned())),
                };
                encryption.verified |= mode.starts_with("VERIFY");
                encryption.identified |= mode == "VERIFY_IDENTITY";
            }
            (Engine::Mysql, "ssl_verify_cert") => {
                encryption.wish = Wish::Required;
                encryption.verified = yes;
            }
            (Engine::Mysql, "ssl_verify_identity" | "ssl_check_hostname") => {
                encryption.wish = Wish::Required;
                encryption.verified |= yes;
                encryption.identified = yes;
            }
            (Engine::Postgres, "options") => value.clone_into(&mut self.options),
            (_, "user") => self.user = Some(value.to_owned()),
            (Engine::Postgres, "password") | (Engine::Mysql, "passwd" | "password") => {
                self.password = Some(value.to_owned());
            }
            (Engine::Postgres, "sslcompression" | "sslsni") => {}
            // What is asked for so is not done in the clear, or half.
            _ if name.starts_with("ssl") => {
                let name: String = name.chars().take(30).collect();
                return Err(UrlError::Server(format!("{name} is not supported")));
            }
            // Texts are UTF-8 anyway.
            (Engine::Postgres, "client_encoding" | "application_name")
            | (Engine::Mysql, "charset" | "use_unicode") => {}
            _ => {
                let name: String = name.chars().take(30).collect();
                log::warn!("the option {name} in the URL of the database has no effect");
            }
        }
        Ok(())
    }
}

fn address(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let wrong = || UrlError::Server("the server's address is none".to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => Some(port.parse().map_err(|_| wrong())?),
        None => None,
    };
    Ok((host.to_owned(), port))
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, UrlError> {
        Target::parse(url, true, Duration::from_secs(1))
    }

    fn place(url: &str) -> Place {
        match parse(url) {
            Ok(Target::Server(place)) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_sqlalchemys_urls_of_files() {
        let path = |url| match parse(url) {
            Ok(Target::File { path, .. }) => Ok(path),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        assert_eq!(path("sqlite:////var/lib/x.db"), Ok("/var/lib/x.db".into()));
        assert_eq!(path("sqlite:///x.db?timeout=5"), Ok("x.db".into()));
        assert_eq!(path("sqlite://"), Err(UrlError::NoPath));
        assert_eq!(path("sqlite:///:memory:"), Err(UrlError::NoPath));
        let other = path("oracle+cx_oracle://u:secret@h/glance").unwrap_err();
        assert_eq!(other, UrlError::Unsupported("oracle".to_owned()));
        assert!(!other.to_string().contains("secret"));
        assert_eq!(path("sqlite:////x/a%20b"), Ok("/x/a%20b".into()));
        assert_eq!(path("mysql:/u:secret@h"), Err(UrlError::NoUrl));
    }

    #[test]
    fn knows_a_database_on_this_machine() {
        let here = |url| parse(url).unwrap().is_here();
        assert!(here("sqlite:////var/lib/x.db"));
        assert!(here("postgresql:///glance"));
        assert!(here("postgresql://localhost,127.0.0.2:5433/glance"));
        assert!(here("mysql://u@/glance?unix_socket=/run/mysqld.sock"));
        assert!(here("mysql://[::1]/glance"));
        assert!(!here("postgresql://localhost,db.example/glance"));
        assert!(!here("mysql://10.0.0.1/glance"));
    }

    #[test]
    fn reads_sqlalchemys_urls_of_servers() {
        let found = place("postgresql+psycopg2://glance:p%40s:s@db.example:5433/images");
        assert_eq!(found.engine, Engine::Postgres);
        assert_eq!(found.user.as_deref(), Some("glance"));
        assert_eq!(found.password.as_deref(), Some("p@s:s"));
        assert_eq!(found.hosts, [("db.example".to_owned(), Some(5433))]);
        assert_eq!(found.database, "images");
        assert_eq!(found.encryption.wish, Wish::Preferred);
        let found = place("mysql+pymysql://glance:pa/s@@[::1]/images?charset=utf8");
        assert_eq!(found.engine, Engine::Mysql);
        assert_eq!(found.password.as_deref(), Some("pa/s@"));
        assert_eq!(found.hosts, [("::1".to_owned(), None)]);
        assert_eq!(found.encryption, Encryption::default());
    }

    #[test]
    fn finds_sockets_and_the_options_of_tls() {
        let found = place("postgresql:///images?host=/run/postgresql");
        assert_eq!(found.socket.as_deref(), Some("/run/postgresql"));
        assert_eq!(found.port, None);
        for url in [
            "postgresql://u:p@:5433/images?host=/run/postgresql",
            "postgresql://u:p@/images?host=/run/postgresql&port=5433",
        ] {
            let found = place(url);
            assert_eq!(found.socket.as_deref(), Some("/run/postgresql"));
            assert!(found.hosts.is_empty());
            assert_eq!(found.port, Some(5433));
        }
        let found = place("mysql://u:p@localhost/images?unix_socket=/run/mysqld/mysqld.sock");
        assert_eq!(found.socket.as_deref(), Some("/run/mysqld/mysqld.sock"));
        let found = place("postgresql://h/i?sslmode=verify-full&sslrootcert=/etc/ca.pem");
        let encryption = Encryption {
            wish: Wish::Required,
            authorities: Some("/etc/ca.pem".into()),
            verified: true,
            identified: true,
        };
        assert_eq!(found.encryption, encryption);
        for url in [
            "mysql://h/i?ssl_ca=/etc/ca.pem&ssl_verify_identity=true",
            "mysql://h/i?ssl_ca=/etc/ca.pem&ssl_mode=VERIFY_IDENTITY",
        ] {
            assert_eq!(place(url).encryption, encryption);
        }
        let found = place("mysql://h/i?ssl_verify_identity=true").encryption;
        assert!(found.verified && found.wish == Wish::Required);
        assert_eq!(
            place("mysql://h/i?ssl_mode=required").encryption.wish,
            Wish::Required
        );
        for url in [
            "mysql://h/i?ssl_cipher=x",
            "mysql://h/i?ssl_mode=PREFERRED",
            "mysql://h/i?ssl_key=x",
            "postgresql://h/i?sslcrl=x",
            "postgresql://h/i?sslmode=yes",
        ] {
            parse(url).unwrap_err();
        }
    }

    #[test]
    fn reads_who_asks_and_what_to_set_from_the_options_too() {
        let found =
            place("postgresql://h/a%20b?user=me&password=p%40s&options=-csearch_path%3Dimages");
        assert_eq!(found.user.as_deref(), Some("me"));
        assert_eq!(found.password.as_deref(), Some("p@s"));
        assert_eq!(found.options, "-csearch_path=images");
        assert_eq!(found.database, "a%20b");
    }

    #[test]
    fn says_nothing_of_passwords() {
        let found = place("postgresql://glance:hunter2@h/i");
        assert!(!format!("{found:?}").contains("hunter2"));
        assert!(!found.shown().contains("hunter2"));
        for wrong in [
            "mysql://glance:hunter2@h",
            "mysql://glance:hunter2@h:port/i",
            "mysql://glance:hunter2%ff@h/i",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
