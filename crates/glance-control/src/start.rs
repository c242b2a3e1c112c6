//! Starting a server and waiting until it serves.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use glance_config::ready;

use crate::args::Options;
use crate::detached;
use crate::failure::Failure;
use crate::pid_file::{PidFile, State};
use crate::server::{Server, prepare_directory};

/// How long a server may take to come up unless said otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often to look whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// The most of a server's last words to repeat, in bytes and in lines.
const WORDS: u64 = 16 * 1024;
const LINES: usize = 20;

/// Starts `server` in the background. It serves when this returns, unless the caller does not want
/// to wait.
///
/// # Errors
///
/// It runs already, cannot be launched, or did not come up; then its last words are in the failure.
pub(crate) fn start(server: Server, options: &Options) -> Result<(), Failure> {
    let (path, fallback) = server.new_pid_file(options);
    prepare_directory(&path).map_err(Failure::file(&path))?;
    let pid_file = PidFile::new(path);
    let _lock = pid_file.lock().map_err(Failure::file(pid_file.path()))?;
    // One that was started by somebody with other rights has its file elsewhere.
    refuse_second(server, &PidFile::new(server.pid_file(options)))?;
    refuse_second(server, &pid_file)?;
    if fallback {
        hint(server, pid_file.path());
    }
    let program = server.program().ok_or(Failure::NoProgram(server))?;
    match &options.config_file {
        Some(path) => println!("Starting {server} with {}", path.display()),
        None => println!("Starting {server}"),
    }
    Launch {
        server,
        options,
        pid_file,
    }
    .run(&program)
}

fn refuse_second(server: Server, pid_file: &PidFile) -> Result<(), Failure> {
    match pid_file.state(server) {
        State::Absent => Ok(()),
        State::Stale => {
            println!("Removing stale pid file {}", pid_file.path().display());
            fs::remove_file(pid_file.path()).map_err(Failure::file(pid_file.path()))
        }
        State::Running(pid) => {
            let pid_file = pid_file.path().to_owned();
            Err(Failure::AlreadyRunning {
                server,
                pid,
                pid_file,
            })
        }
    }
}

/// Glance's words.
fn hint(server: Server, path: &Path) {
    println!(
        "Unable to create pid file /var/run/glance/{server}.pid.  Running as non-root?\n\
         Falling back to a temp file, you can stop {server} service using:\n  \
         glance-control {server} stop --pid-file {}",
        path.display()
    );
}

/// One attempt to start a server.
struct Launch<'a> {
    server: Server,
    options: &'a Options,
    pid_file: PidFile,
}

impl Launch<'_> {
    fn run(&self, program: &Path) -> Result<(), Failure> {
        let ready = self.pid_file.beside(".ready");
        let (output, mut words) = self.output()?;
        // One that was left behind would pass for an answer of this server.
        let _ = fs::remove_file(&ready);
        let outcome = self
            .launch(program, &ready, output)
            .and_then(|child| self.wait(child, &ready, &mut words));
        let _ = fs::remove_file(&ready);
        if !self.options.capture_output {
            let _ = fs::remove_file(self.words_path());
        }
        outcome
    }

    /// Where the server's words go while it starts, or always.
    fn words_path(&self) -> PathBuf {
        let suffix = if self.options.capture_output {
            ".out"
        } else {
            ".start"
        };
        self.pid_file.beside(suffix)
    }

    /// That file, once to write to and once to read what is new in it.
    fn output(&self) -> Result<(File, File), Failure> {
        let path = self.words_path();
        let open = || {
            let output = OpenOptions::new().append(true).create(true).open(&path)?;
            let mut words = File::open(&path)?;
            words.seek(SeekFrom::End(0))?;
            Ok((output, words))
        };
        open().map_err(Failure::file(&path))
    }

    fn launch(&self, program: &Path, ready: &Path, output: File) -> Result<Child, Failure> {
        let failed = |source| Failure::Launch {
            server: self.server,
            source,
        };
        let own = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(own);
        command.arg(detached::WORD);
        match self.options.respawn {
            true => command.arg(self.pid_file.path()),
            false => command.arg(detached::BECOME),
        };
        command.arg(program);
        if let Some(path) = &self.options.config_file {
            command.arg("--config-file").arg(path);
        }
        command
            .args(&self.options.passed_on)
            .env(ready::VARIABLE, ready);
        command.stdin(Stdio::null());
        if self.options.capture_output {
            command.stdout(output.try_clone().map_err(failed)?);
        } else {
            command.stdout(Stdio::null()).env(ready::DETACH, "1");
        }
        command.stderr(output);
        let mut child = command.spawn().map_err(failed)?;
        if !self.options.respawn
            && let Err(error) = self.pid_file.write(child.id())
        {
            // A server that cannot be found again is better not started.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::file(self.pid_file.path())(error));
        }
        Ok(child)
    }

    /// Waits until the server is ready, or gone, or the time is up.
    fn wait(&self, mut child: Child, ready: &Path, words: &mut File) -> Result<(), Failure> {
        let patience = self.options.await_child.unwrap_or(PATIENCE);
        let begin = Instant::now();
        loop {
            let ended = child.try_wait();
            if let Ok(Some(status)) = ended {
                self.pid_file.remove(child.id());
                let (server, said) = (self.server, last_lines(words));
                return Err(Failure::DidNotComeUp {
                    server,
                    reason: status.to_string(),
                    said,
                });
            }
            if ready.exists() || patience.is_zero() {
                return Ok(());
            }
            if begin.elapsed() >= patience {
                let pid = self.pid_file.pid().unwrap_or(child.id());
                return Err(Failure::NotReady {
                    server: self.server,
                    pid,
                    seconds: patience.as_secs(),
                });
            }
            sleep(PAUSE);
        }
    }
}

/// What a server said last, each line on a line of its own after the failure's.
fn last_lines(words: &mut File) -> String {
    let mut text = Vec::new();
    let start = words.stream_position().unwrap_or(0);
    let end = words.seek(SeekFrom::End(0)).unwrap_or(start);
    let from = start.max(end.saturating_sub(WORDS));
    if words.seek(SeekFrom::Start(from)).is_ok() {
        let _ = words.read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LINES);
    lines[first..]
        .iter()
        .map(|line| format!("\n  {line}"))
        .collect()
}
