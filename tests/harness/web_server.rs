//! A real web server (nginx, `scripts/services/static-http`) with files of the story's.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A running nginx. Stopped when dropped.
#[derive(Debug)]
pub struct WebServer {
    address: String,
    root: PathBuf,
    directory: TempDir,
}

impl WebServer {
    /// Starts it, without any files.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("glance-web-").expect("a temporary directory");
        let said = script(directory.path(), "start");
        let variable = |name: &str| {
            let mut lines = said.lines().filter_map(|line| line.strip_prefix("export "));
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value
                .unwrap_or_else(|| panic!("no {name}: {said}"))
                .to_owned()
        };
        let url = variable("STATIC_HTTP_URL");
        let address = url.strip_prefix("http://").expect("an http URL").to_owned();
        Self {
            address,
            root: PathBuf::from(variable("STATIC_HTTP_ROOT")),
            directory,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves `data` as `/NAME`.
    pub fn put(&self, name: &str, data: &[u8]) {
        std::fs::write(self.root.join(name), data).expect("the folder can be written");
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        script(self.directory.path(), "stop");
    }
}

fn script(directory: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services/static-http");
    let mut run = Command::new(program);
    let output = run.arg(command).arg(directory).output();
    let output = output.expect("the script can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}
