//! The hidden side of `start`: a process in a session of its own that becomes the server, or
//! watches over it.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use glance_config::ready;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};

use crate::pid_file::PidFile;

/// The first argument by which glance-control calls itself.
pub(crate) const WORD: &str = "__detached";

/// In place of a pid file: become the server instead of watching over it.
pub(crate) const BECOME: &str = "-";

/// A server that lives shorter than this is not started again.
const BOUNCE: Duration = Duration::from_secs(1);

/// Open files a server may have, as many as Glance asks for.
const DESCRIPTORS: u64 = 32768;

/// Leaves the caller's session, then runs `PROGRAM ARGUMENTS…` as `PID_FILE PROGRAM ARGUMENTS…`
/// says. What goes wrong is said on standard error, which `start` reads.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let [pid_file, program, arguments @ ..] = arguments else {
        return ExitCode::from(2);
    };
    // It fails only for a process that leads a group already, and that one is detached enough.
    let _ = setsid();
    raise_descriptor_limit();
    let mut command = Command::new(program);
    command.args(arguments);
    if pid_file == OsStr::new(BECOME) {
        let error = command.exec();
        eprintln!("{}: {error}", program.display());
        return ExitCode::FAILURE;
    }
    let name = PathBuf::from(program);
    let name = name.file_name().unwrap_or(program).to_string_lossy();
    watch(&mut command, &PidFile::new(pid_file), &name)
}

/// As far as this process may.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    if limit.current.is_some_and(|current| current < most) {
        // The server works with fewer, too.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(most),
                ..limit
            },
        );
    }
}

/// Runs the server again and again until it is stopped on purpose or dies too soon.
fn watch(command: &mut Command, pid_file: &PidFile, name: &str) -> ExitCode {
    loop {
        let begin = Instant::now();
        let mut server = match command.spawn() {
            Ok(server) => server,
            Err(error) => {
                tell(pid_file, &format!("{name}: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let pid = server.id();
        if let Err(error) = pid_file.write(pid) {
            tell(
                pid_file,
                &format!("Unable to write {}: {error}", pid_file.path().display()),
            );
        }
        let Ok(status) = server.wait() else {
            return ExitCode::FAILURE;
        };
        if !pid_file.wants(pid) {
            tell(
                pid_file,
                &format!("Suppressed respawn as {name} was deliberately stopped."),
            );
            return ExitCode::SUCCESS;
        }
        if begin.elapsed() < BOUNCE {
            tell(
                pid_file,
                &format!("Suppressed respawn as {name} was bouncing."),
            );
            pid_file.remove(pid);
            return ExitCode::from(code(status));
        }
        tell(
            pid_file,
            &format!("Respawning {name}: pid {pid} ended unexpectedly, {status}"),
        );
        // The announcement was for the first start, and so was the file behind standard error.
        command.env_remove(ready::VARIABLE);
        if is_temporary_error() {
            command.stderr(Stdio::null());
        }
    }
}

/// Tells whoever waits for the start, and whoever looks later.
fn tell(pid_file: &PidFile, text: &str) {
    eprintln!("{text}");
    if is_temporary_error() {
        let out = OpenOptions::new()
            .append(true)
            .create(true)
            .open(pid_file.beside(".out"));
        // There is nobody left to complain to.
        let _ = out.and_then(|mut out| writeln!(out, "{text}"));
    }
}

/// Whether standard error is a file that is read during the start only.
fn is_temporary_error() -> bool {
    std::env::var_os(ready::DETACH).is_some()
}

/// The exit status as a shell would have it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .filter(|code| *code > 0)
        .unwrap_or(1)
}
