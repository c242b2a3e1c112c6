//! What is done with a server that runs: stop, shutdown, reload, status.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use glance_config::Args;
use rustix::process::Signal;

use crate::args::Options;
use crate::failure::Failure;
use crate::pid_file::{PidFile, State};
use crate::process;
use crate::server::Server;

/// What a server may take beyond the time that its transfers have.
const GRACE: Duration = Duration::from_secs(15);

/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Ends `server` and waits for its end, as long as its transfers may take and a little more.
///
/// # Errors
///
/// It cannot be signalled, or still runs after that time.
pub(crate) fn stop(server: Server, options: &Options) -> Result<(), Failure> {
    end(server, options, |pid| {
        Some(transfer_time(server, pid, options) + GRACE)
    })
}

/// Ends `server` and waits for its end, however long its transfers take it.
///
/// Glance sends SIGHUP here, which its servers of today take for a reload, so that they go on
/// running. This is what it was meant to be.
///
/// # Errors
///
/// It cannot be signalled.
pub(crate) fn shutdown(server: Server, options: &Options) -> Result<(), Failure> {
    end(server, options, |_| None)
}

/// Lets `server` read its configuration again.
///
/// # Errors
///
/// It does not run, or cannot be signalled.
pub(crate) fn reload(server: Server, options: &Options) -> Result<(), Failure> {
    let pid_file = PidFile::new(server.pid_file(options));
    let State::Running(pid) = pid_file.state(server) else {
        return Err(Failure::Stopped(server));
    };
    println!("Reloading {server} (pid {pid}) with signal(1)");
    process::signal(pid, Signal::HUP).map_err(|source| Failure::Signal {
        server,
        pid,
        source,
    })
}

/// Says whether `server` runs, and returns it.
pub(crate) fn status(server: Server, options: &Options) -> bool {
    let pid_file = PidFile::new(server.pid_file(options));
    match pid_file.state(server) {
        State::Running(pid) => {
            println!("{server} (pid {pid}) is running...");
            true
        }
        State::Absent | State::Stale => {
            println!("{server} is stopped");
            false
        }
    }
}

fn end(
    server: Server,
    options: &Options,
    patience: impl Fn(u32) -> Option<Duration>,
) -> Result<(), Failure> {
    let pid_file = PidFile::new(server.pid_file(options));
    let pid = match pid_file.state(server) {
        State::Running(pid) => pid,
        State::Absent => {
            println!("{server} is already stopped");
            return Ok(());
        }
        State::Stale => {
            println!("Removing stale pid file {}", pid_file.path().display());
            println!("{server} is already stopped");
            return remove(pid_file.path());
        }
    };
    let patience = patience(pid);
    println!("Stopping {server} pid: {pid} signal: 15");
    // Without the mark, a supervisor would start it again.
    pid_file
        .mark_stopping(pid)
        .map_err(Failure::file(pid_file.path()))?;
    if let Err(source) = process::signal(pid, Signal::TERM)
        && process::lives(pid)
    {
        let _ = pid_file.write(pid);
        return Err(Failure::Signal {
            server,
            pid,
            source,
        });
    }
    let begin = Instant::now();
    while process::lives(pid) {
        if let Some(patience) = patience
            && begin.elapsed() >= patience
        {
            return Err(Failure::StillRuns {
                server,
                pid,
                seconds: patience.as_secs(),
            });
        }
        sleep(PAUSE);
    }
    pid_file.remove(pid);
    Ok(())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(path)(error)),
        _ => Ok(()),
    }
}

/// The time that the transfers of process `pid` have, by its configuration: the file named now,
/// else the one it was started with, else the one it would find; else the default.
fn transfer_time(server: Server, pid: u32, options: &Options) -> Duration {
    let mut args = Args::new(server.name());
    let file = options
        .config_file
        .clone()
        .or_else(|| process::config_file(pid));
    args.config_files.extend(file);
    let service = match server {
        Server::Api => glance_config::load_api(&args).map(|loaded| loaded.config.service),
        Server::Registry => glance_config::load_registry(&args).map(|loaded| loaded.config.service),
    };
    service.unwrap_or_default().shutdown_timeout
}
