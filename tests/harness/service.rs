//! A real server of somebody else's, which `scripts/services/NAME` starts and stops.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server, in a directory of its own. Stopped when dropped, or soon after the process that
/// started it has ended.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    said: String,
}

impl Service {
    /// Starts `scripts/services/NAME`, with these settings of it.
    pub fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let said = script(name, &["start"], settings);
        Self { name, said }
    }

    /// What it says of itself under this name, as in `export NAME=value`.
    pub fn variable(&self, name: &str) -> String {
        let mut lines = self
            .said
            .lines()
            .filter_map(|line| line.strip_prefix("export "));
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = value.unwrap_or_else(|| panic!("no {name}: {}", self.said));
        value.replace('\\', "").trim_matches(['\'', '"']).to_owned()
    }

    /// `host:port` of the URL that it says under this name.
    pub fn address(&self, name: &str) -> String {
        let url = self.variable(name);
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_owned()
    }

    /// Where it keeps its files.
    pub fn directory(&self) -> PathBuf {
        let name = self.name.to_uppercase().replace('-', "_");
        self.variable(&format!("{name}_DIR")).into()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let directory = self.directory();
        script(self.name, &["stop", &directory.to_string_lossy()], &[]);
    }
}

fn script(name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
    let mut run = Command::new(folder.join(name));
    // One of its own, whatever runs already; it ends with the stories, however they end.
    run.env_remove(format!("{}_DIR", name.to_uppercase().replace('-', "_")))
        .env("SERVICE_OWNER", std::process::id().to_string());
    let output = run
        .args(arguments)
        .envs(settings.iter().copied())
        .output()
        .expect("the script can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("what it says is UTF-8")
}
