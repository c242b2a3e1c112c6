//! What the health check tells load balancers.

use std::path::PathBuf;

use glance_core::health::{Circumstances, Finding, Health};

use crate::value::OptionValue;

options! {
    /// What the health check tells load balancers. The defaults are those of Glance's paste files.
    pub struct HealthcheckConfig in "healthcheck" {
        /// The path that is answered with the state of the daemon, to anybody.
        path: String = "/healthcheck", live;
        /// Whether the answer names the files that were looked for, the time and the host.
        detailed: bool = "false", live;
        /// What is looked at. disable_by_file: the answer is 503 while there is the file
        /// disable_by_file_path. disable_by_files_ports: the same for one file of
        /// disable_by_file_paths, that of the daemon's port.
        backends: Backends = "disable_by_file", live;
        /// The file that takes the daemon out of service for load balancers; it serves on.
        disable_by_file_path: Option<PathBuf> = "/etc/glance/healthcheck_disable", live;
        /// Files by ports, for several daemons with one configuration.
        disable_by_file_paths: PortPaths = "", live;
    }
}

impl HealthcheckConfig {
    /// The answer of a daemon that serves on `port` to a request by `method` with this `Accept`.
    ///
    /// Blocks to ask the file system.
    pub fn answer(&self, port: u16, method: &str, accept: Option<&str>) -> Health {
        let circumstances = self.detailed.then(circumstances);
        Health::new(&self.findings(port), method, accept, circumstances.as_ref())
    }

    /// Looks at everything.
    fn findings(&self, port: u16) -> Vec<Finding> {
        let backends = self.backends.0.iter();
        backends
            .map(|backend| match backend {
                Backend::File => match &self.disable_by_file_path {
                    None => Finding {
                        available: true,
                        details: "No 'disable_by_file_path' configuration value specified".into(),
                    },
                    Some(path) => {
                        let (available, found) = match path.exists() {
                            true => (false, "was found"),
                            false => (true, "was not found"),
                        };
                        let details = format!("Path '{}' {found}", path.display());
                        Finding { available, details }
                    }
                },
                Backend::FilesByPort => {
                    let mut paths = self.disable_by_file_paths.0.iter();
                    let path = paths.rfind(|(given, _)| *given == port);
                    Finding {
                        available: !path.is_some_and(|(_, path)| path.exists()),
                        details: String::new(),
                    }
                }
            })
            .collect()
    }
}

fn circumstances() -> Circumstances {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let now = chrono::Utc::now().naive_utc();
    Circumstances {
        hostname: hostname.trim().to_owned(),
        now: now.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
        platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

/// What a health check looks at, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends(Vec<Backend>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    File,
    FilesByPort,
}

impl OptionValue for Backends {
    const ACCEPTS: &'static str =
        "a list of disable_by_file and disable_by_files_ports, separated by commas, or nothing";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let names = Vec::<String>::parse(text)?;
        let backend = |name: &String| match name.as_str() {
            "disable_by_file" => Ok(Backend::File),
            "disable_by_files_ports" => Ok(Backend::FilesByPort),
            _ => Err(None),
        };
        names
            .iter()
            .map(backend)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn shown(&self) -> Vec<String> {
        let name = |backend: &Backend| match backend {
            Backend::File => "disable_by_file",
            Backend::FilesByPort => "disable_by_files_ports",
        };
        vec![self.0.iter().map(name).collect::<Vec<_>>().join(",")]
    }
}

/// Files by ports; of several for one port the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortPaths(Vec<(u16, PathBuf)>);

impl OptionValue for PortPaths {
    const ACCEPTS: &'static str = "a list of port:path, separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let items = Vec::<String>::parse(text)?;
        let pair = |item: &String| {
            let (port, path) = item.split_once(':').ok_or(None)?;
            Ok((
                port.trim().parse().map_err(|_| None)?,
                PathBuf::parse(path)?,
            ))
        };
        items.iter().map(pair).collect::<Result<_, _>>().map(Self)
    }

    fn shown(&self) -> Vec<String> {
        let pair = |(port, path): &(u16, PathBuf)| format!("{port}:{}", path.display());
        vec![self.0.iter().map(pair).collect::<Vec<_>>().join(",")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_daemon_out_of_service() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("off");
        let text = format!("9191:/nowhere,9292:{}", file.display());
        let config = HealthcheckConfig {
            backends: Backends::parse("disable_by_file, disable_by_files_ports").unwrap(),
            disable_by_file_path: Some(file.clone()),
            disable_by_file_paths: PortPaths::parse(&text).unwrap(),
            ..HealthcheckConfig::default()
        };
        assert_eq!(config.disable_by_file_paths.shown(), [text]);
        let available = |port| -> Vec<bool> {
            let findings = config.findings(port);
            findings.iter().map(|finding| finding.available).collect()
        };
        assert_eq!(available(9292), [true, true]);
        std::fs::write(file, "").unwrap();
        assert_eq!(available(9292), [false, false]);
        assert_eq!(available(9191), [false, true]);
    }

    #[test]
    fn refuses_backends_that_there_are_not() {
        assert!(Backends::parse("disable_by_file,other").is_err());
        assert_eq!(Backends::parse("").unwrap(), Backends::default());
        assert!(PortPaths::parse("/path").is_err());
        assert!(PortPaths::parse("x:/path").is_err());
    }
}
