//! The thread between those who log and the places where lines end up.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::sink::Sink;

/// Bytes that may wait to be written; beyond that, lines are lost rather than memory.
const ROOM: usize = 1 << 20;

/// How long the thread waits for company before it writes a line.
const LINGER: Duration = Duration::from_millis(2);

/// Where lines are handed in. Clones share one thread.
#[derive(Clone)]
pub(super) struct Output {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or it has become urgent.
    wake: Condvar,
    /// Something has been written.
    written: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    /// Lines handed in and lines done with, since the start.
    queued: u64,
    done: u64,
    /// Lines for which there was no room.
    refused: u64,
    /// Places that take over after so many bytes of what is pending.
    sinks: Option<(usize, Vec<Sink>)>,
    urgent: bool,
    idle: bool,
}

impl State {
    fn has_work(&self) -> bool {
        !self.pending.is_empty() || self.sinks.is_some()
    }
}

impl Output {
    /// Starts the thread.
    pub(super) fn start(sinks: Vec<Sink>) -> io::Result<Self> {
        let output = Self {
            shared: Arc::default(),
        };
        let shared = Arc::clone(&output.shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.serve(sinks))?;
        Ok(output)
    }

    /// Hands in one line with its end. Never waits for the disk.
    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.pending.len() + line.len() > ROOM {
            state.refused += 1;
            return;
        }
        state.pending.extend_from_slice(line);
        state.queued += 1;
        if state.idle {
            state.idle = false;
            self.shared.wake.notify_one();
        }
    }

    /// Waits until everything handed in so far is written, but not longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let mut state = self.shared.lock();
        let goal = state.queued;
        state.urgent = true;
        self.shared.wake.notify_one();
        let waited = self
            .shared
            .written
            .wait_timeout_while(state, patience, |state| state.done < goal);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets other places take over: lines handed in before go to the old ones, lines after to
    /// the new ones.
    pub(super) fn redirect(&self, sinks: Vec<Sink>) {
        let mut state = self.shared.lock();
        state.sinks = Some((state.pending.len(), sinks));
        state.urgent = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut sinks: Vec<Sink>) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            state.idle = true;
            let work = self.wake.wait_while(state, |state| !state.has_work());
            let mut state = work.unwrap_or_else(PoisonError::into_inner);
            state.idle = false;
            // Lines come in bursts: one write for several costs the system less.
            let linger = self
                .wake
                .wait_timeout_while(state, LINGER, |state| !state.urgent);
            (state, _) = linger.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut state.pending, &mut batch);
            let refused = std::mem::take(&mut state.refused);
            let successors = state.sinks.take();
            let goal = state.queued;
            state.urgent = false;
            drop(state);

            let mut lines = batch.as_slice();
            if let Some((length, successors)) = successors {
                let (before, after) = lines.split_at(length);
                write(&mut sinks, before, 0);
                sinks = successors;
                lines = after;
            }
            write(&mut sinks, lines, refused);
            batch.clear();
            batch.shrink_to(ROOM / 16);
            self.lock().done = goal;
            self.written.notify_all();
        }
    }
}

/// Writes lines everywhere, and notes how many could not be handed in after them.
fn write(sinks: &mut [Sink], lines: &[u8], refused: u64) {
    for sink in sinks {
        if !lines.is_empty() {
            sink.write(lines);
        }
        if refused > 0 {
            sink.lose(refused, "they came faster than they could be written");
        }
    }
}

/// What env_logger writes to; it hands over a whole line at a time.
impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn loses_no_line_to_a_change_of_files() {
        let directory = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        let output = Output::start(vec![Sink::file(&old).unwrap()]).unwrap();
        for number in 0..1000 {
            output.append(format!("{number}\n").as_bytes());
            if number == 499 {
                output.redirect(vec![Sink::file(&new).unwrap()]);
            }
        }
        output.flush(PATIENCE);
        let lines = |path| fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(old), lines(new)), (500, 500));
    }

    /// A disk that hangs until it is told to go on.
    struct Hanging(mpsc::Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Hanging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn does_not_wait_for_a_disk_that_hangs() {
        let (go_on, hanging) = mpsc::channel();
        let text = Arc::default();
        let sink = Sink::new(Box::new(Hanging(hanging, Arc::clone(&text))));
        let output = Output::start(vec![sink]).unwrap();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..4096 {
            output.append(&line);
        }
        output.flush(Duration::from_millis(1));
        drop(go_on);
        output.flush(PATIENCE);
        output.append(b"after\n");
        output.flush(PATIENCE);
        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        assert!(
            text.contains("log lines were lost: they came faster"),
            "{}",
            text.len()
        );
        assert!(text.ends_with("after\n"));
        assert!(text.len() < 3 * ROOM);
    }
}
