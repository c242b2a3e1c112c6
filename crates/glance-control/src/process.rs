//! Other processes: whether they live, what they are, and signals to them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

use crate::detached;

/// Whether process `pid` lives and runs `program`, itself or as a script.
pub(crate) fn is(pid: u32, program: &str) -> bool {
    if !lives(pid) {
        return false;
    }
    let named = |path: &OsStr| Path::new(path).file_name() == Some(OsStr::new(program));
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    // The kernel adds this when the file was replaced while it ran.
    let executable = executable
        .to_string_lossy()
        .trim_end_matches(" (deleted)")
        .to_owned();
    let arguments = arguments(pid);
    // A script's interpreter comes first, and then the script. A server that has just been
    // launched may still be glance-control, which is about to become it.
    let launching = arguments.get(1).is_some_and(|word| word == detached::WORD);
    let words = if launching { 4 } else { 2 };
    named(OsStr::new(&executable)) || arguments.iter().take(words).any(|word| named(word))
}

/// Whether there is a process `pid` that has not ended: one whose parent has yet to notice, or
/// never will, counts as ended.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name stands in parentheses before the state, and may contain some itself.
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// The configuration file that process `pid` was started with.
pub(crate) fn config_file(pid: u32) -> Option<PathBuf> {
    let arguments = arguments(pid);
    let flag = arguments.iter().position(|word| word == "--config-file")?;
    arguments.get(flag + 1).map(PathBuf::from)
}

fn arguments(pid: u32) -> Vec<OsString> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}

/// Sends a signal to process `pid`.
///
/// # Errors
///
/// There is none, or it is not the caller's to signal.
pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn takes_a_zombie_for_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        while lives(child.id()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(lives(std::process::id()));
    }

    #[test]
    fn knows_a_program_by_its_name() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(is(child.id(), "sleep"));
        assert!(!is(child.id(), "glance-api"));
        assert_eq!(config_file(child.id()), None);
        signal(child.id(), Signal::TERM).unwrap();
        child.wait().unwrap();
        assert!(!is(child.id(), "sleep"));
    }
}
