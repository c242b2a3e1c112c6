//! A place where log lines end up, and what happens when it cannot take them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::Local;

use super::LogError;

/// A place where log lines end up.
pub(super) struct Sink {
    place: Box<dyn Write + Send>,
    /// Lines that could not be written since the last one that could.
    lost: u64,
    /// Why.
    reason: String,
    /// The last write ended in the middle of a line.
    torn: bool,
}

impl Sink {
    /// Standard error.
    pub(super) fn standard_error() -> Self {
        Self::new(Box::new(io::stderr()))
    }

    /// A file, to the end of which lines are added. It is created if need be, readable by its
    /// owner and group.
    pub(super) fn file(path: &Path) -> Result<Self, LogError> {
        let file: io::Result<File> = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path);
        let file = file.map_err(|source| LogError::File {
            path: PathBuf::from(path),
            source,
        })?;
        Ok(Self::new(Box::new(file)))
    }

    pub(super) fn new(place: Box<dyn Write + Send>) -> Self {
        Self {
            place,
            lost: 0,
            reason: String::new(),
            torn: false,
        }
    }

    /// Writes whole lines. What cannot be written is counted as lost, and the loss is written
    /// before the first lines that can be.
    pub(super) fn write(&mut self, lines: &[u8]) {
        let note = self.note();
        let end = if note.is_empty() {
            Ok(())
        } else {
            self.write_some(note.as_bytes())
        };
        if end.is_ok() {
            self.lost = 0;
            let _ = self.write_some(lines);
            return;
        }
        self.lost += count_lines(lines);
    }

    /// Counts lines that never got here.
    pub(super) fn lose(&mut self, lines: u64, reason: &str) {
        self.lost += lines;
        reason.clone_into(&mut self.reason);
    }

    /// What to say of the lines that were lost, as a whole line.
    fn note(&self) -> String {
        if self.lost == 0 {
            return String::new();
        }
        let break_line = if self.torn { "\n" } else { "" };
        let time = Local::now().format("%Y-%m-%d %H:%M:%S");
        let Self { lost, reason, .. } = self;
        format!(
            "{break_line}{time}  WARNING [glance_config.log] {lost} log lines were lost: {reason}\n"
        )
    }

    /// Writes as much as can be written and counts the lines of the rest as lost.
    fn write_some(&mut self, lines: &[u8]) -> Result<(), ()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let error = match self.place.write(rest) {
                Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
                Ok(count) => {
                    self.torn = rest[count - 1] != b'\n';
                    rest = &rest[count..];
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.reason = error.to_string();
            // A note that could not be written is no lost line.
            if self.lost == 0 {
                self.lost = count_lines(rest);
            }
            return Err(());
        }
        // A failure to flush shows again at the next write.
        let _ = self.place.flush();
        Ok(())
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A disk with so many bytes of room.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let count = bytes.len().min(disk.1);
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            disk.1 -= count;
            disk.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn says_what_a_full_disk_cost_when_there_is_room_again() {
        let disk = Disk::default();
        let mut sink = Sink::new(Box::new(disk.clone()));
        disk.0.lock().unwrap().1 = 6;
        sink.write(b"one\ntwo\nthree\n");
        sink.write(b"four\n");
        disk.0.lock().unwrap().1 = 1000;
        sink.write(b"five\n");
        sink.write(b"six\n");
        let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["one", "tw"]);
        assert!(
            lines[2].contains("WARNING [glance_config.log] 3 log lines were lost: "),
            "{text}"
        );
        assert_eq!(lines[3..], ["five", "six"]);
    }
}
