//! Other processes: whether they live, what they are, and signals to them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

use crate::detached;

/// Whether process `pid` lives and runs `program`, itself or as a script.
pub(crate) fn is(pid: u32, program: &str) -> bool {
    let Some(stat) = Stat::of(pid).filter(Stat::lives) else {
        return false;
    };
    let named = |path: &OsStr| Path::new(path).file_name() == Some(OsStr::new(program));
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    // The kernel adds this when the file was replaced while it ran.
    let executable = executable
        .to_string_lossy()
        .trim_end_matches(" (deleted)")
        .to_owned();
    let arguments = arguments(pid);
    if arguments.is_empty() {
        // It is ending; the kernel has let go of all but the beginning of its name.
        return !stat.name.is_empty() && program.starts_with(&stat.name);
    }
    // A script's interpreter comes first, and then the script. A server that has just been
    // launched may still be glance-control, which is about to become it.
    let launching = arguments.get(1).is_some_and(|word| word == detached::WORD);
    let words = if launching { 4 } else { 2 };
    named(OsStr::new(&executable)) || arguments.iter().take(words).any(|word| named(word))
}

/// Whether there is a process `pid` that has not ended: one whose parent has yet to notice, or
/// never will, counts as ended.
pub(crate) fn lives(pid: u32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.lives())
}

/// What the kernel says of a process in one line.
struct Stat {
    /// The first 15 bytes of its program's name.
    name: String,
    state: char,
    threads: u32,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name stands in parentheses, and may contain some itself.
        let (start, rest) = line.rsplit_once(") ")?;
        let mut fields = rest.split_whitespace();
        Some(Self {
            name: start.split_once(" (")?.1.to_owned(),
            state: fields.next()?.chars().next()?,
            threads: fields.nth(16)?.parse().ok()?,
        })
    }

    /// A first thread that has ended is a zombie until the others have, too. One of them may still hold what
    /// the next process needs: a port.
    fn lives(&self) -> bool {
        match self.state {
            'X' => false,
            'Z' => self.threads > 1,
            _ => true,
        }
    }
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
    fn takes_a_process_for_living_until_its_last_thread_has_ended() {
        let stat = |state, threads| {
            let line = format!(
                "9049 (a (b) c) {state} 9046 9046 1070 0 -1 4227084 2929 6587 12 0 3 2 5 0 20 0 {threads} 0 194254"
            );
            Stat::parse(&line).unwrap()
        };
        assert_eq!(stat('S', 1).name, "a (b) c");
        assert!(stat('S', 1).lives());
        assert!(stat('Z', 2).lives());
        assert!(!stat('Z', 1).lives());
        assert!(!stat('X', 0).lives());
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
