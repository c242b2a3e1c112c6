//! One running program, its log, and the signals it gets.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::database::SERVER;
use crate::{eventually, within};

/// A program of this workspace: from `GLANCE_BIN_DIR`, else from where this story was built to.
pub fn program(name: &str) -> PathBuf {
    let folder = match std::env::var_os("GLANCE_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let story = std::env::current_exe().expect("a running program has a path");
            let deps = story.parent().expect("a program is in a folder");
            deps.parent()
                .expect("stories are built into a folder `deps`")
                .to_owned()
        }
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "there is no {}: cargo build --workspace first",
        path.display()
    );
    path
}

/// The same, ready to be run. What the environment says to the stories is not said to it: it would
/// take it for options.
pub fn invocation(name: &str) -> Command {
    let mut invocation = Command::new(program(name));
    for told in ["GLANCE_TEST_API", "GLANCE_BIN_DIR", SERVER] {
        invocation.env_remove(told);
    }
    invocation
}

/// A daemon in the foreground. Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program with this configuration; both its outputs are appended to `log`.
    pub fn start(
        name: &str,
        configuration: &Path,
        log: &Path,
        environment: &[(String, String)],
    ) -> Self {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.expect("the log can be written");
        let errors: File = output.try_clone().expect("a file can be opened twice");
        let child = invocation(name)
            .arg("--config-file")
            .arg(configuration)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child's id is positive");
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        if signal == Signal::STOP {
            // On a busy machine a thread goes on for a moment.
            eventually("it stands still", 5, || self.stands_still());
        }
    }

    fn stands_still(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut threads = threads.expect("it runs").flatten();
        threads.all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ")
                .is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Waits until it has ended by itself; fails the story when it has not after `seconds`.
    pub fn wait(&mut self, seconds: u64) -> ExitStatus {
        let ended = within(Duration::from_secs(seconds), || self.ended());
        ended.unwrap_or_else(|| panic!("{} runs on after {seconds} s:\n{}", self.name, self.log()))
    }

    /// Asks it to stop by SIGTERM, and fails the story unless it does within 30 s, successfully.
    pub fn stop(mut self) {
        if self.ended().is_none() {
            self.signal(Signal::TERM);
        }
        let status = self.wait(30);
        assert!(
            status.success(),
            "{} ended with {status}:\n{}",
            self.name,
            self.log()
        );
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next());
        size.and_then(|size| size.parse().ok())
            .expect("VmRSS is a number of KiB")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- log of {} ---\n{}", self.name, self.log());
        }
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
