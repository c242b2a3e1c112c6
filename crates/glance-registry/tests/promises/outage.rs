//! Servers that go, come back, answer no more or can only be read: what is asked meanwhile gets a clear
//! answer, and nothing has to be restarted.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Place, T1, assert_unavailable, at_once};

/// What lies between the daemon and the database's server, and breaks when a test says so.
struct Way {
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    closed: AtomicBool,
    /// Connections that came while it was closed.
    refused: AtomicU64,
    /// The answer to the next COMMIT is lost, with its connection.
    loses_commit: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Way {
    /// A place whose daemon goes this way. None: the database is a file.
    fn to_a_database() -> Option<(Self, Place)> {
        Self::with("")
    }

    /// The same with further lines in the daemon's configuration.
    fn with(options: &str) -> Option<(Self, Place)> {
        let mut way = None;
        let place = Place::by_way(options, |url| {
            let (before, rest) = url.split_once('@').unwrap();
            let (server, database) = rest.split_once('/').unwrap();
            let (built, port) = Self::build(server.parse().unwrap());
            way = Some(built);
            // Encrypted, nobody on the way knows a COMMIT.
            let plainly = match url.starts_with("postgres") {
                true => "sslmode=disable",
                false => "",
            };
            format!("{before}@127.0.0.1:{port}/{database}{plainly}")
        })?;
        Some((way?, place))
    }

    fn build(server: SocketAddr) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            server,
            closed: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            loses_commit: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.closed.load(SeqCst) {
                    accepting.refused.fetch_add(1, SeqCst);
                } else {
                    accepting.carry(client);
                }
            }
        });
        (Self { state }, port)
    }

    /// Cuts what is open.
    fn cut(&self) {
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn close(&self) {
        self.state.closed.store(true, SeqCst);
        self.cut();
    }

    fn open(&self) {
        self.state.closed.store(false, SeqCst);
    }

    fn refused(&self) -> u64 {
        self.state.refused.load(SeqCst)
    }

    fn lose_the_next_commit(&self) {
        self.state.loses_commit.store(true, SeqCst);
    }
}

impl State {
    fn carry(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else {
            return;
        };
        let streams = [&client, &server].map(|stream| stream.try_clone().unwrap());
        self.open.lock().unwrap().extend(streams);
        let deaf = Arc::new(AtomicBool::new(false));
        let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let hears = Arc::clone(&deaf);
        thread::spawn(move || pass_on(from, to, |_| !hears.load(SeqCst)));
        let state = Arc::clone(self);
        thread::spawn(move || {
            pass_on(client, server, |bytes| {
                // PostgreSQL's texts end with a NUL.
                let commit = bytes.ends_with(b"COMMIT") || bytes.ends_with(b"COMMIT\0");
                if commit && state.loses_commit.swap(false, SeqCst) {
                    deaf.store(true, SeqCst);
                }
                true
            });
        });
    }
}

/// Passes on what `heeds` is true of, and ends both streams at the first thing that is not.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut heeds: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16384];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !heeds(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[test]
fn a_server_that_went_is_unavailable_until_it_is_back() {
    let Some((way, place)) = Way::to_a_database() else {
        return;
    };
    let registry = place.start();
    let id = registry.create(T1, json!({"name": "a"}));
    way.close();
    let new = json!({"image": {"name": "b", "status": "queued"}});
    assert_unavailable(&registry.get(T1, &format!("/images/{id}")));
    assert_unavailable(&registry.get(T1, "/images"));
    assert_unavailable(&registry.post(T1, "/images", &new));
    way.open();
    assert_eq!(registry.get(T1, "/images").names(), ["a"]);
    assert_eq!(registry.post(T1, "/images", &new).status, 200);
    assert_eq!(registry.get(T1, "/images").names().len(), 2);
}

#[test]
fn a_server_that_comes_after_the_daemon_is_waited_for() {
    let patient = "[database]\nmax_retries = -1\nretry_interval = 1";
    let Some((way, place)) = Way::with(patient) else {
        return;
    };
    way.close();
    thread::scope(|scope| {
        let started = scope.spawn(|| place.start());
        while way.refused() < 2 {
            assert!(!started.is_finished());
            thread::sleep(Duration::from_millis(20));
        }
        way.open();
        let registry = started.join().unwrap();
        assert!(registry.get(T1, "/images").names().is_empty());
    });
}

#[test]
fn a_server_that_does_not_come_ends_the_daemon() {
    let impatient = "[database]\nmax_retries = 2\nretry_interval = 1";
    let Some((way, place)) = Way::with(impatient) else {
        return;
    };
    way.close();
    let output = place.command().output().unwrap();
    assert!(!output.status.success());
    assert_eq!(way.refused(), 3);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the database"), "{said}");
    assert!(!said.contains(":glance@"), "{said}");
}

#[test]
fn connections_that_were_cut_are_not_noticed() {
    let Some((way, place)) = Way::to_a_database() else {
        return;
    };
    let registry = place.start();
    for round in 0..3 {
        let made = at_once(8, |number| {
            registry.create(T1, json!({"name": format!("{round} {number}")}))
        });
        assert_eq!(made.len(), 8);
        way.cut();
    }
    assert_eq!(registry.get(T1, "/images").names().len(), 24);
}

#[test]
fn a_change_whose_confirmation_was_lost_is_not_made_twice() {
    let Some((way, place)) = Way::to_a_database() else {
        return;
    };
    let registry = place.start();
    let id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    let new = json!({"image": {"id": id, "name": "a", "status": "queued"}});
    way.lose_the_next_commit();
    // Whether it was made is not known, and so it is not begun again.
    assert_unavailable(&registry.post(T1, "/images", &new));
    assert_eq!(registry.get(T1, "/images").names(), ["a"]);
    assert_eq!(registry.post(T1, "/images", &new).status, 409);
}

#[test]
fn a_server_that_can_only_be_read_answers_questions() {
    let Some((way, place)) = Way::to_a_database() else {
        return;
    };
    // In MariaDB only all of the server can be made so, which others use as well.
    let url = place.url().unwrap().to_owned();
    if !url.starts_with("postgres") {
        return;
    }
    let name = url.rsplit_once('/').unwrap().1.trim_end_matches('?');
    let say = |sql: String| place.ask(["", &sql, ""]);
    let registry = place.start();
    let id = registry.create(T1, json!({"name": "a"}));
    say(format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    way.cut();
    let new = json!({"image": {"name": "b", "status": "queued"}});
    assert_unavailable(&registry.post(T1, "/images", &new));
    assert_eq!(registry.get(T1, &format!("/images/{id}")).status, 200);
    assert_eq!(registry.get(T1, "/images").names(), ["a"]);
    say(format!(
        "SET default_transaction_read_only = off; \
         ALTER DATABASE {name} RESET default_transaction_read_only"
    ));
    // A connection that cannot write is left.
    assert_eq!(registry.post(T1, "/images", &new).status, 200);
}
