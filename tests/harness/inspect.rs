//! glance-manage's view of the stores.

use crate::Cloud;
use crate::daemon::invocation;

/// What glance-manage found.
#[derive(Debug)]
pub struct Inspection {
    /// Its exit status: 0 nothing is wrong, 1 something is.
    pub status: Option<i32>,
    /// What it says, line by line.
    pub lines: Vec<String>,
}

impl Inspection {
    /// Whether one line has all of these in it.
    pub fn says(&self, words: &[&str]) -> bool {
        let has = |line: &String| words.iter().all(|word| line.contains(word));
        self.lines.iter().any(has)
    }
}

impl Cloud {
    /// `glance-manage COMMAND` with the configuration of this cloud's API daemon.
    pub fn inspect(&self, command: &str) -> Inspection {
        let output = invocation("glance-manage")
            .arg("--config-file")
            .arg(self.path("glance-api.conf"))
            .args(command.split_whitespace())
            .output()
            .expect("glance-manage runs");
        let said = [output.stdout, output.stderr].concat();
        Inspection {
            status: output.status.code(),
            lines: String::from_utf8_lossy(&said)
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Fails the story unless registry and stores agree, every byte included.
    #[track_caller]
    pub fn verify(&self) {
        let found = self.inspect("verify --checksums");
        assert_eq!(found.status, Some(0), "{:#?}", found.lines);
    }
}
