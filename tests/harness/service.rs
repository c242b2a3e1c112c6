//! A real server of somebody else's, which `scripts/services/NAME` starts and stops.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A running server, in a directory of its own. Stopped when dropped.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    said: String,
    directory: TempDir,
}

impl Service {
    /// Starts `scripts/services/NAME`, with these settings of it.
    pub fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let directory = TempDir::with_prefix(format!("glance-{name}-"));
        let directory = directory.expect("a temporary directory");
        let said = script(name, directory.path(), "start", settings);
        Self {
            name,
            said,
            directory,
        }
    }

    /// What it says of itself under this name, as in `export NAME=value`.
    pub fn variable(&self, name: &str) -> String {
        let mut lines = self
            .said
            .lines()
            .filter_map(|line| line.strip_prefix("export "));
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = value.unwrap_or_else(|| panic!("no {name}: {}", self.said));
        value.trim_matches(['\'', '"']).to_owned()
    }

    /// `host:port` of the URL that it says under this name.
    pub fn address(&self, name: &str) -> String {
        let url = self.variable(name);
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_owned()
    }

    /// Where it keeps its files.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        script(self.name, self.directory.path(), "stop", &[]);
    }
}

fn script(name: &str, directory: &Path, command: &str, settings: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
    let mut run = Command::new(folder.join(name));
    run.arg(command)
        .arg(directory)
        .envs(settings.iter().copied());
    let output = run.output().expect("the script can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {command}: {said}");
    String::from_utf8(output.stdout).expect("what it says is UTF-8")
}
