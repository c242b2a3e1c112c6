//! Somebody at a shell, with a service of their own.

use std::path::PathBuf;
use std::process::{Command, Output};

use functional::{Cloud, Request, Setup, program};

/// What a command said, and how it ended.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Outcome {
    /// Fails the story unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self.text
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        Self {
            code: output.status.code(),
            text,
        }
    }
}

/// An operator. Servers that are left running are killed at the end.
pub(crate) struct Operator {
    pub(crate) cloud: Cloud,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            cloud: Setup::new().prepare(),
        }
    }

    pub(crate) fn conf(&self, server: &str) -> String {
        self.cloud
            .path(&format!("glance-{server}.conf"))
            .display()
            .to_string()
    }

    pub(crate) fn pid_file(&self, server: &str) -> PathBuf {
        self.cloud.path(&format!("{server}.pid"))
    }

    /// The pid in the pid file.
    pub(crate) fn pid(&self, server: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.pid_file(server)).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// `glance-control --pid-file P SERVER COMMAND CONF`, from a clean shell.
    pub(crate) fn control(&self, server: &str, command: &str) -> Outcome {
        self.control_with(server, command, &[])
    }

    pub(crate) fn control_with(&self, server: &str, command: &str, options: &[&str]) -> Outcome {
        let mut line = clean_shell("glance-control");
        line.arg("--pid-file")
            .arg(self.pid_file(server))
            .args(options);
        line.args([server, command]).arg(self.conf(server));
        line.output().unwrap().into()
    }

    pub(crate) fn api_answers(&self) -> bool {
        self.cloud.try_send(Request::get("/")).is_ok()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        for server in ["api", "registry"] {
            if let Some(pid) = self.pid(server) {
                // It may have ended already.
                let _ = Command::new("kill").arg("-9").arg(pid.to_string()).output();
            }
        }
    }
}

/// A program with nothing in its environment but a path.
pub(crate) fn clean_shell(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}
