//! A server of the test's own, for what cannot be asked of the one that all tests share.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::own_database::connect;

/// A server; it ends with the test.
pub(crate) struct OwnServer {
    service: &'static str,
    directory: TempDir,
    variables: HashMap<String, String>,
}

impl OwnServer {
    /// Starts this service of `scripts/services` with these variables in its environment.
    pub(crate) fn start(service: &'static str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let output = script(service, "start", directory.path())
            .args(["--owner", &std::process::id().to_string()])
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let variables = text.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        });
        Self {
            service,
            directory,
            variables: variables.collect(),
        }
    }

    /// What it exported under this name.
    pub(crate) fn url(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The host and the port of the URL with this name.
    pub(crate) fn address(&self, name: &str) -> &str {
        let url = self.url(name);
        url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0
    }

    /// Has it do this, as whom the URL with this name says.
    pub(crate) fn say(&self, name: &str, sql: &str) {
        connect(self.url(name)).batch(sql).unwrap();
    }

    /// As a crash of its machine ends it: with its children, which would answer who is connected once more.
    pub(crate) fn kill(&self) {
        let noted = std::fs::read_to_string(self.directory.path().join("run/server")).unwrap();
        let number = noted.split_whitespace().next().unwrap();
        let children = Command::new("pgrep").args(["-P", number]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let kill = |numbers: &[&str]| Command::new("kill").arg("-9").args(numbers).output();
        assert!(kill(&[number]).unwrap().status.success());
        // Some may have ended meanwhile.
        kill(&children.split_whitespace().collect::<Vec<_>>()).unwrap();
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = script(self.service, "stop", self.directory.path()).output();
    }
}

fn script(service: &str, what: &str, directory: &Path) -> Command {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/services");
    let mut command = Command::new(services.join(service));
    command.arg(what).arg(directory);
    command
}
