//! Real servers for tests: those that the environment names, else ones that `scripts/services` starts.
//!
//! `scripts/test` starts each server once and names it in the environment. Without that, the first
//! test of a process that asks starts it, which blocks for seconds (the first time on a machine, for
//! minutes); it is stopped soon after the process has ended, however it ended. What the variables
//! are is in `scripts/services/README.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// A real server. Stopped when dropped, if it was started for this value.
#[derive(Debug)]
pub struct Service {
    variables: BTreeMap<String, String>,
    started: Option<&'static str>,
}

impl Service {
    /// Starts `scripts/services/NAME` with these settings, in a directory of its own.
    ///
    /// Panics with what the script says when the server cannot be started.
    pub fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        Self::try_start(name, settings).unwrap_or_else(|said| panic!("{said}"))
    }

    fn try_start(name: &'static str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let owner = std::process::id().to_string();
        let mut command = script(name);
        command
            .args(["start", "--owner", &owner])
            .env_remove(directory_variable(name))
            .envs(settings.iter().copied());
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{name} does not start: {said}"));
        }
        let variables = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
            .collect();
        Ok(Self {
            variables,
            started: Some(name),
        })
    }

    /// The server whose variables are in the environment, if `variable` is one of them.
    fn named(name: &str, variable: &str) -> Option<Self> {
        Self::named_by(&[&format!("{}_", name.to_uppercase())], variable)
    }

    /// The same of a server whose variables begin with any of these.
    fn named_by(prefixes: &[&str], variable: &str) -> Option<Self> {
        std::env::var_os(variable)?;
        let is_its = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let variables = std::env::vars().filter(|(name, _)| is_its(name));
        Some(Self {
            variables: variables.collect(),
            started: None,
        })
    }

    /// What the server tells of itself under this name; panics if it tells nothing.
    #[track_caller]
    pub fn get(&self, variable: &str) -> &str {
        match self.variables.get(variable) {
            Some(value) => value,
            None => panic!("no {variable} among {:?}", self.variables.keys()),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some(name) = self.started else { return };
        let stopped = script(name)
            .arg("stop")
            .arg(self.get(&directory_variable(name)))
            .output();
        // A failure is told by what follows; a second panic would hide the first.
        if let Err(error) = stopped {
            log::error!("{name} was not stopped: {error}");
        }
    }
}

fn script(name: &str) -> Command {
    Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../scripts/services")
            .join(name),
    )
}

fn directory_variable(name: &str) -> String {
    format!("{}_DIR", name.to_uppercase().replace('-', "_"))
}

/// One for all tests of the process. A server that did not start is not tried again.
type Shared = OnceLock<Result<Service, String>>;

#[track_caller]
fn shared(
    service: &'static Shared,
    open: impl FnOnce() -> Result<Service, String>,
) -> &'static Service {
    match service.get_or_init(open) {
        Ok(service) => service,
        Err(said) => panic!("{said}"),
    }
}

/// A Keystone (`KEYSTONE_…`).
#[track_caller]
pub fn keystone() -> &'static Service {
    static KEYSTONE: Shared = OnceLock::new();
    shared(&KEYSTONE, || {
        Service::named("keystone", "KEYSTONE_URL")
            .map_or_else(|| Service::try_start("keystone", &[]), Ok)
    })
}

/// A Swift (`SWIFT_…`), which may or may not know a Keystone.
#[track_caller]
pub fn swift() -> &'static Service {
    static SWIFT: Shared = OnceLock::new();
    shared(&SWIFT, || {
        Service::named("swift", "SWIFT_AUTH_URL").map_or_else(
            || Service::try_start("swift", &[("SWIFT_KEYSTONE", "no")]),
            Ok,
        )
    })
}

/// A Swift (`SWIFT_…`) that knows [`keystone`] and is in its catalogue.
#[track_caller]
pub fn swift_with_keystone() -> &'static Service {
    static SWIFT: Shared = OnceLock::new();
    let keystone = keystone().get("KEYSTONE_URL");
    shared(&SWIFT, || {
        Service::named("swift", "SWIFT_KEYSTONE_AUTH_URL").map_or_else(
            || Service::try_start("swift", &[("KEYSTONE_URL", keystone)]),
            Ok,
        )
    })
}

/// An S3 server that is not Swift's (`S3_…`). Swift's S3 side is in [`swift`]'s `SWIFT_S3_…`.
#[track_caller]
pub fn s3() -> &'static Service {
    static S3: Shared = OnceLock::new();
    shared(&S3, || {
        Service::named("s3", "S3_ENDPOINT").map_or_else(|| Service::try_start("s3", &[]), Ok)
    })
}

/// Stand-ins of Synnefo's Pithos and Astakos (`PITHOS_…`, `ASTAKOS_…`, `SYNNEFO_…`).
#[track_caller]
pub fn synnefo() -> &'static Service {
    static SYNNEFO: Shared = OnceLock::new();
    shared(&SYNNEFO, || {
        Service::named_by(&["SYNNEFO_", "PITHOS_", "ASTAKOS_"], "PITHOS_URL")
            .map_or_else(|| Service::try_start("synnefo", &[]), Ok)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn answers(url: &str) -> bool {
        let rest = url.split_once("://").unwrap().1;
        TcpStream::connect(rest.split('/').next().unwrap()).is_ok()
    }

    #[test]
    fn one_server_serves_the_whole_process() {
        let first = s3();
        assert!(std::ptr::eq(first, s3()));
        assert!(answers(first.get("S3_ENDPOINT")));
    }

    #[test]
    fn what_was_started_is_stopped_and_leaves_nothing() {
        let service = Service::start("s3", &[("S3_BUCKET", "other")]);
        assert_eq!(service.get("S3_BUCKET"), "other");
        let (url, directory) = (
            service.get("S3_ENDPOINT").to_owned(),
            service.get("S3_DIR").to_owned(),
        );
        assert!(answers(&url) && Path::new(&directory).exists());
        drop(service);
        assert!(!answers(&url) && !Path::new(&directory).exists());
    }

    #[test]
    fn swift_finds_its_keystone_and_is_found_there() {
        let swift = swift_with_keystone();
        let known = keystone().get("KEYSTONE_AUTH_URL");
        assert_eq!(swift.get("SWIFT_KEYSTONE_AUTH_URL"), known);
        assert!(answers(swift.get("SWIFT_AUTH_URL")) && answers(known));
    }
}
