//! The log of a process: levels, files and formats that change while it runs.

use std::fs;
use std::path::Path;

use glance_config::log::{ModuleLevels, flush, init, reconfigure, reopen, set_level};
use glance_config::{LogConfig, OptionValue};

fn lines(path: &Path) -> Vec<String> {
    flush();
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// One test, because a process has one logger.
#[test]
fn follows_its_configuration_without_losing_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("glance.log");
    let rotated = directory.path().join("glance.log.1");
    let mut config = LogConfig {
        log_dir: Some(directory.path().to_owned()),
        log_file: Some("glance.log".into()),
        log_format: OptionValue::parse("%(levelname)-8s[%(name)s] %(message)s").unwrap(),
        default_log_levels: ModuleLevels::parse("noisy=WARN").unwrap(),
        ..LogConfig::default()
    };
    assert!(reopen().is_err());
    init(&config).unwrap();
    assert!(init(&config).is_err());

    log::debug!(target: "quiet", "1");
    log::info!(target: "glance_api::v1", "2");
    log::info!(target: "noisy::part", "3");
    log::warn!(target: "noisy::part", "4");
    assert_eq!(
        lines(&path),
        ["INFO    [glance_api.v1] 2", "WARNING [noisy.part] 4"]
    );

    fs::rename(&path, &rotated).unwrap();
    log::error!(target: "a", "5");
    reopen().unwrap();
    log::info!(target: "a", "6");
    assert_eq!(lines(&rotated).len(), 3);
    assert_eq!(lines(&path), ["INFO    [a] 6"]);

    set_level(log::LevelFilter::Debug).unwrap();
    log::debug!(target: "a", "7");
    set_level(log::LevelFilter::Error).unwrap();
    log::warn!(target: "a", "8");
    assert_eq!(lines(&path), ["INFO    [a] 6", "DEBUG   [a] 7"]);

    config.log_file = Some("other.log".into());
    config.log_format = OptionValue::parse("%(message)s").unwrap();
    reconfigure(&config).unwrap();
    log::info!(target: "a", "9");
    assert_eq!(lines(&directory.path().join("other.log")), ["9"]);

    config.log_dir = Some(directory.path().join("no such directory"));
    let error = reconfigure(&config).unwrap_err().to_string();
    assert!(error.starts_with("Unable to open the log file "), "{error}");
    log::info!(target: "a", "10");
    assert_eq!(lines(&directory.path().join("other.log")), ["9", "10"]);
}
