//! glance-control with servers that only pretend.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server that does what `$MODE` says, and notes what happens to it in `$NOTES`. A shell cannot heed
/// a signal that whoever runs the tests ignores (`nohup` does), hence its first line.
const STUB: &str = r#"#!/usr/bin/env -S --default-signal=HUP,TERM /bin/sh
echo "$(basename "$0") $*" >> "$NOTES"
case "$MODE" in
fail)
    echo "one thing" >&2
    echo "ERROR: no database here" >&2
    exit 3 ;;
esac
trap 'echo "$(basename "$0") hup" >> "$NOTES"' HUP
trap 'sleep "${LINGER:-0}"; echo "$(basename "$0") term" >> "$NOTES"; exit 0' TERM
echo "$(basename "$0") speaks" >&2
if [ "$MODE" != slow ] && [ -n "$GLANCE_READY_FILE" ]; then
    echo ready > "$GLANCE_READY_FILE"
fi
while :; do sleep 0.02; done
"#;

/// A directory with glance-control, its servers and their pid files.
struct Site {
    root: tempfile::TempDir,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let control = env!("CARGO_BIN_EXE_glance-control");
        fs::hard_link(control, root.path().join("glance-control")).unwrap();
        for server in ["glance-api", "glance-registry"] {
            let path = root.path().join(server);
            fs::write(&path, STUB).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(
            root.path().join("glance.conf"),
            "[service]\nshutdown_timeout = 0\n",
        )
        .unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn conf(&self) -> String {
        self.path("glance.conf").display().to_string()
    }

    /// Runs glance-control with words separated by blanks, in the site's directory.
    fn run(&self, words: &str) -> Said {
        self.run_with(words, &[])
    }

    fn run_with(&self, words: &str, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(self.path("glance-control"));
        command
            .args(words.split_whitespace())
            .args(["--run-dir", "run"])
            .current_dir(self.root.path())
            .env("NOTES", self.path("notes"))
            .envs(variables.iter().copied());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            code: status.code(),
            out: text(stdout),
            err: text(stderr),
        }
    }

    fn notes(&self) -> String {
        fs::read_to_string(self.path("notes")).unwrap_or_default()
    }

    fn pid(&self, server: &str) -> u32 {
        let text = fs::read_to_string(self.path(&format!("run/{server}.pid"))).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// Kills a server, and waits until it is gone: the signal takes effect later than it is sent.
    fn kill(&self, server: &str) {
        let pid = self.pid(server);
        let sent = Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(sent.unwrap().success());
        until("a server that was killed is gone", || !lives(pid));
    }

    /// Files in the run directory, without the locks.
    fn left(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("run"))
            .unwrap()
            .map(|file| file.unwrap().file_name());
        let mut files: Vec<_> = files.map(|file| file.into_string().unwrap()).collect();
        files.retain(|file| !file.ends_with(".lock"));
        files.sort();
        files
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.path("run").exists() {
            self.run("all stop");
        }
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(10));
    }
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn starts_and_stops_in_the_manuals_words() {
    let site = Site::new();
    let conf = site.conf();
    let said = site.run("registry start glance.conf");
    assert_eq!(said.out, format!("Starting glance-registry with {conf}\n"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(
        site.notes(),
        format!("glance-registry --config-file {conf}\n")
    );
    let pid = site.pid("glance-registry");
    assert!(lives(pid));

    let said = site.run("registry status");
    assert_eq!(
        said.out,
        format!("glance-registry (pid {pid}) is running...\n")
    );
    assert_eq!(said.code, Some(0));

    let said = site.run("registry stop");
    assert_eq!(
        said.out,
        format!("Stopping glance-registry pid: {pid} signal: 15\n")
    );
    assert_eq!(said.code, Some(0));
    assert!(!lives(pid));
    assert!(site.notes().ends_with("glance-registry term\n"));
    assert!(site.left().is_empty(), "{:?}", site.left());

    let said = site.run("registry stop");
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "glance-registry is already stopped\n")
    );
    let said = site.run("registry status");
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(3), "glance-registry is stopped\n")
    );
}

#[test]
fn starts_all_with_the_registry_first_and_stops_it_last() {
    let site = Site::new();
    let conf = site.conf();
    let said = site.run("all start glance.conf");
    assert_eq!(
        said.out,
        format!("Starting glance-registry with {conf}\nStarting glance-api with {conf}\n")
    );
    assert_eq!(site.run("all status").code, Some(0));
    let [api, registry] = ["glance-api", "glance-registry"].map(|server| site.pid(server));
    let said = site.run("all restart glance.conf");
    assert_eq!(
        said.out,
        format!(
            "Stopping glance-api pid: {api} signal: 15\n\
             Stopping glance-registry pid: {registry} signal: 15\n\
             Starting glance-registry with {conf}\nStarting glance-api with {conf}\n"
        )
    );
    assert_eq!(said.code, Some(0));
    site.run("api stop");
    assert_eq!(site.run("all status").code, Some(3));
}

#[test]
fn detaches_its_servers() {
    let site = Site::new();
    site.run("api start");
    let pid = site.pid("glance-api");
    // Fields after the name: state, parent, group, session, terminal.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(fields[3], pid.to_string(), "a session of its own");
    let stream = |number: u8| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    assert_eq!(stream(0), Path::new("/dev/null"));
    assert_eq!(stream(1), Path::new("/dev/null"));
}

#[test]
fn refuses_a_second_start_with_the_pid_that_runs() {
    let site = Site::new();
    assert_eq!(site.run("api start").out, "Starting glance-api\n");
    let pid = site.pid("glance-api");
    let said = site.run("api start");
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    let expected = format!("glance-api appears to already be running: pid {pid} (");
    assert!(said.err.starts_with(&expected), "{}", said.err);
    assert_eq!(site.pid("glance-api"), pid);
}

#[test]
fn starts_once_when_asked_twice_at_the_same_time() {
    let site = Site::new();
    let codes = std::thread::scope(|scope| {
        let starts = [0; 4].map(|_| scope.spawn(|| site.run("api start").code));
        starts.map(|start| start.join().unwrap())
    });
    assert_eq!(
        codes.iter().filter(|code| **code == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(site.notes().lines().count(), 1);
}

#[test]
fn repeats_why_a_server_did_not_come_up() {
    let site = Site::new();
    let said = site.run_with("api start", &[("MODE", "fail")]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "glance-api did not come up: exit status: 3\n  one thing\n  ERROR: no database here\n"
    );
    assert!(site.left().is_empty(), "{:?}", site.left());
    assert_eq!(site.run("api status").code, Some(3));
}

#[test]
fn says_so_when_there_is_no_program() {
    let site = Site::new();
    fs::remove_file(site.path("glance-api")).unwrap();
    let said = site.run_with("api start", &[("PATH", "/nowhere")]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .starts_with("Unable to find the program glance-api"),
        "{}",
        said.err
    );
}

#[test]
fn gives_up_waiting_for_a_server_that_is_slow() {
    let site = Site::new();
    let said = site.run_with("api start --await-child 1", &[("MODE", "slow")]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("has not become ready within 1 seconds"),
        "{}",
        said.err
    );
    assert_eq!(site.run("api status").code, Some(0));
    let said = site.run_with("registry start --await-child 0", &[("MODE", "slow")]);
    assert_eq!(said.code, Some(0));
}

#[test]
fn recognises_a_stale_pid_file() {
    let site = Site::new();
    site.run("api start");
    site.kill("glance-api");
    let said = site.run("api status");
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(3), "glance-api is stopped\n")
    );
    let said = site.run("api start");
    let stale = format!(
        "Removing stale pid file {}\n",
        site.path("run/glance-api.pid").display()
    );
    assert_eq!(said.out, format!("{stale}Starting glance-api\n"));
    site.run("api stop");

    // The pid of another program, which must not be harmed.
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(site.path("run/glance-api.pid"), format!("{}\n", other.id())).unwrap();
    let said = site.run("api stop");
    assert_eq!(said.out, format!("{stale}glance-api is already stopped\n"));
    assert!(lives(other.id()));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn reloads_by_hangup() {
    let site = Site::new();
    let said = site.run("api reload");
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), "Server glance-api is stopped\n")
    );
    site.run("api start");
    let pid = site.pid("glance-api");
    for command in ["reload", "force-reload"] {
        let said = site.run(&format!("api {command}"));
        assert_eq!(
            said.out,
            format!("Reloading glance-api (pid {pid}) with signal(1)\n")
        );
        until("hangup", || site.notes().contains("glance-api hup\n"));
    }
}

#[test]
fn waits_for_transfers_on_shutdown() {
    let site = Site::new();
    site.run_with("api start", &[("LINGER", "1")]);
    let pid = site.pid("glance-api");
    let said = site.run("api shutdown");
    assert_eq!(
        said.out,
        format!("Stopping glance-api pid: {pid} signal: 15\n")
    );
    assert!(!lives(pid));
    assert!(site.notes().ends_with("glance-api term\n"));
}

#[test]
fn hands_on_further_options() {
    let site = Site::new();
    site.run("api start glance.conf --debug --log-file x.log");
    assert!(
        site.notes()
            .ends_with("glance.conf --debug --log-file x.log\n"),
        "{}",
        site.notes()
    );
}

#[test]
fn keeps_output_when_asked_to() {
    let site = Site::new();
    site.run("api start --capture-output");
    let out = fs::read_to_string(site.path("run/glance-api.pid.out")).unwrap();
    assert_eq!(out, "glance-api speaks\n");
    let said = site.run_with("registry start --capture-output", &[("MODE", "fail")]);
    assert!(
        said.err.ends_with("\n  ERROR: no database here\n"),
        "{}",
        said.err
    );
}

#[test]
fn respawns_what_dies_unexpectedly() {
    let site = Site::new();
    assert_eq!(site.run("api start --respawn").code, Some(0));
    let pid = site.pid("glance-api");
    sleep(Duration::from_millis(1100));
    site.kill("glance-api");
    until("a successor", || {
        site.run("api status").code == Some(0) && site.pid("glance-api") != pid
    });
    let successor = site.pid("glance-api");

    let said = site.run("api stop");
    assert_eq!(
        said.out,
        format!("Stopping glance-api pid: {successor} signal: 15\n")
    );
    let story = || fs::read_to_string(site.path("run/glance-api.pid.out")).unwrap_or_default();
    until("the end", || {
        story().contains("glance-api was deliberately stopped.")
    });
    assert!(story().starts_with(&format!(
        "Respawning glance-api: pid {pid} ended unexpectedly"
    )));
    assert_eq!(site.run("api status").code, Some(3));
    assert_eq!(
        site.notes()
            .lines()
            .filter(|line| line.ends_with("glance-api "))
            .count(),
        2
    );
}

#[test]
fn does_not_respawn_what_bounces() {
    let site = Site::new();
    let said = site.run_with("api start --respawn", &[("MODE", "fail")]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "glance-api did not come up: exit status: 3\n  one thing\n  ERROR: no database here\n  \
         Suppressed respawn as glance-api was bouncing.\n"
    );
    assert_eq!(site.run("api status").code, Some(3));
}

#[test]
fn explains_itself() {
    let site = Site::new();
    let said = site.run("--help");
    assert_eq!(said.code, Some(0));
    assert!(said.out.starts_with("usage: glance-control"));
    assert_eq!(
        site.run("--version").out,
        format!("glance-control {}\n", env!("CARGO_PKG_VERSION"))
    );
    let said = site.run("scrubber start");
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("there is no server \"scrubber\""),
        "{}",
        said.err
    );
}
