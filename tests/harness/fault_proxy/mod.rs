//! A reverse proxy for the way between glance-api and a real store, which fails when it is told to.
//!
//! Without faults it passes HTTP/1.1 on as it is: heads (`Host` too, which signatures cover),
//! interim answers, bodies with a length or in chunks, in both directions, as they come.

mod body;
mod exchange;
mod fault;
mod head;

use std::io::Result;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Port, within};
use head::Head;

pub use fault::{Canned, Fault, Trouble, When};

/// A running proxy. It ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: Port,
    shared: Arc<Shared>,
    listening: Mutex<Option<Listening>>,
}

/// A request that the proxy has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path with its query.
    pub target: String,
    /// Its `Range`.
    pub range: Option<String>,
    /// Whether a fault was applied to it.
    pub faulted: bool,
}

#[derive(Debug)]
struct Listening {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    state: Mutex<State>,
    /// Changes whenever what is stalled has to end.
    healed: AtomicUsize,
    connections: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
    clients: Vec<Weak<TcpStream>>,
    servers: Vec<Weak<TcpStream>>,
}

#[derive(Debug)]
struct Rule {
    when: When,
    fault: Fault,
    matched: usize,
}

/// A request, and what is to happen to it.
struct Case<'a> {
    shared: &'a Shared,
    fault: Option<Fault>,
    /// As it was when the request came.
    healed: usize,
}

impl FaultProxy {
    /// A proxy before the server at `host:port`, on a port of its own.
    pub fn before(server: &str) -> Self {
        let proxy = Self {
            port: Port::take(),
            shared: Arc::new(Shared {
                server: server.to_owned(),
                state: Mutex::default(),
                healed: AtomicUsize::new(0),
                connections: AtomicUsize::new(0),
            }),
            listening: Mutex::new(None),
        };
        proxy.accept();
        proxy
    }

    /// `host:port` of the proxy.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// From now on this happens to such requests. The first fault that is not used up counts; each
    /// counts the requests that reach it.
    pub fn inject(&self, when: When, fault: Fault) {
        self.shared.state().rules.push(Rule {
            when,
            fault,
            matched: 0,
        });
    }

    /// No more faults; what is stalled, or drips, is reset.
    pub fn heal(&self) {
        self.shared.state().rules.clear();
        self.shared.healed.fetch_add(1, Ordering::SeqCst);
    }

    /// The server dies: connections are reset, new ones refused.
    pub fn refuse(&self) {
        // A story that failed in `accept` ends here, too.
        let listening = self.listening.lock();
        let listening = listening.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Listening { stop, thread }) = listening {
            stop.store(true, Ordering::SeqCst);
            // It waits for a connection; this is one.
            drop(TcpStream::connect(self.address()));
            thread.join().expect("the listener does not panic");
        }
        self.shared.end_connections();
    }

    /// The server is back, at the same port.
    pub fn accept(&self) {
        let mut listening = self.listening.lock().expect("nobody panics with it");
        if listening.is_none() {
            *listening = Some(Listening::start(&self.address(), &self.shared));
        }
    }

    /// What it has seen since the start, or since it was asked to forget.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// How many requests of that kind it has seen.
    pub fn count(&self, when: &When) -> usize {
        self.seen().iter().filter(|seen| when.is_of(seen)).count()
    }

    /// Forgets what it has seen.
    pub fn forget(&self) {
        self.shared.state().seen.clear();
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.heal();
        self.refuse();
    }
}

impl Listening {
    fn start(address: &str, shared: &Arc<Shared>) -> Self {
        // A program that another story just starts has the old listener until it really runs.
        let limit = Duration::from_secs(30);
        let listener = within(limit, || TcpListener::bind(address).ok())
            .unwrap_or_else(|| panic!("{address} is the proxy's, and is taken"));
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared) = (stop.clone(), shared.clone());
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (client, shared) = (Arc::new(client), shared.clone());
                shared.hold(|state| &mut state.clients, &client);
                std::thread::spawn(move || {
                    let _ = client.set_nodelay(true);
                    exchange::serve(&client, &shared);
                });
            }
        });
        Self { stop, thread }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn connect(&self) -> Result<Arc<TcpStream>> {
        let server = Arc::new(TcpStream::connect(&self.server)?);
        server.set_nodelay(true)?;
        self.hold(|state| &mut state.servers, &server);
        Ok(server)
    }

    /// Keeps a connection in mind for as long as it lasts.
    fn hold(
        &self,
        place: impl Fn(&mut State) -> &mut Vec<Weak<TcpStream>>,
        connection: &Arc<TcpStream>,
    ) {
        let mut state = self.state();
        let held = place(&mut state);
        held.retain(|other| other.strong_count() > 0);
        held.push(Arc::downgrade(connection));
    }

    /// Writes a request down, and chooses its fault.
    fn note(&self, head: &Head) -> Case<'_> {
        let mut seen = Seen {
            method: head.word(0),
            target: head.word(1),
            range: head.header("Range"),
            faulted: false,
        };
        let mut state = self.state();
        let mut fault = None;
        for rule in &mut state.rules {
            if !rule.when.is_of(&seen) {
                continue;
            }
            rule.matched += 1;
            let number = rule.matched - 1;
            if number >= rule.when.skipped && number - rule.when.skipped < rule.when.times {
                fault = Some(rule.fault.clone());
                break;
            }
        }
        seen.faulted = fault.is_some();
        state.seen.push(seen);
        Case {
            shared: self,
            fault,
            healed: self.healed.load(Ordering::SeqCst),
        }
    }

    fn end_connections(&self) {
        self.healed.fetch_add(1, Ordering::SeqCst);
        let state = self.state();
        let end = |held: &[Weak<TcpStream>], how: Shutdown| {
            for connection in held.iter().filter_map(Weak::upgrade) {
                exchange::reset(&connection);
                // If it has ended by itself, that is as good.
                let _ = connection.shutdown(how);
            }
        };
        // Who waits for a client's request notices that nothing will come, and closes.
        end(&state.clients, Shutdown::Read);
        end(&state.servers, Shutdown::Both);
    }
}

impl Case<'_> {
    fn is_healed(&self) -> bool {
        self.shared.healed.load(Ordering::SeqCst) != self.healed
    }

    fn wait_until_healed(&self, client: &TcpStream) {
        while !self.is_healed() && !exchange::is_gone(client) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
