//! Calls to another service: how many, how they ended, how long they took.

use std::time::Instant;

use crate::histogram::Histogram;
use crate::number::{Counter, Gauge, Inside};
use crate::text::{Kind, Text};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As hoped.
    Success,
    /// The service answered that it will not.
    Refused,
    /// The service did not answer, or could not.
    Failed,
    /// Whoever called gave up before.
    Dropped,
}

impl Outcome {
    /// All of them, in their order, with their names.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Success, "success"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
        (Self::Dropped, "dropped"),
    ];
}

/// The calls to one service.
#[derive(Debug, Default)]
pub struct Calls {
    ended: [Counter; Outcome::ALL.len()],
    took: Histogram,
    running: Gauge,
}

/// A call that runs. Dropped without [`Running::end`], it counts as given up.
#[derive(Debug)]
#[must_use = "a call runs until this is dropped"]
pub struct Running {
    calls: &'static Calls,
    since: Instant,
    outcome: Outcome,
    _inside: Inside,
}

impl Calls {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            ended: [const { Counter::new() }; Outcome::ALL.len()],
            took: Histogram::new(),
            running: Gauge::new(),
        }
    }

    /// A call begins.
    pub fn begin(&'static self) -> Running {
        Running {
            calls: self,
            since: Instant::now(),
            outcome: Outcome::Dropped,
            _inside: self.running.enter(),
        }
    }

    /// Writes all there is; `prefix` begins the names, `service` is named in the explanations.
    pub fn write(&self, text: &mut Text, prefix: &str, service: &str) {
        let name = format!("{prefix}_calls_total");
        text.family(
            &name,
            Kind::Counter,
            &format!("Calls to {service}, by their end."),
        );
        for ((_, outcome), ended) in Outcome::ALL.iter().zip(&self.ended) {
            text.sample(&name, &[("outcome", outcome)], ended.get());
        }
        let name = format!("{prefix}_call_duration_seconds");
        let help = format!("Time that calls to {service} take.");
        text.family(&name, Kind::Histogram, &help);
        self.took.write(text, &name, &[]);
        let help = format!("Calls to {service} that wait for an answer.");
        text.single(
            &format!("{prefix}_calls_running"),
            Kind::Gauge,
            &help,
            self.running.get(),
        );
    }
}

impl Running {
    /// The call has ended.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.calls.ended[self.outcome as usize].add(1);
        self.calls.took.observe(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls_by_their_end() {
        static CALLS: Calls = Calls::new();
        CALLS.begin().end(Outcome::Refused);
        drop(CALLS.begin());
        let _running = CALLS.begin();
        let mut text = Text::new();
        CALLS.write(&mut text, "x", "y");
        let text = text.finish();
        for line in [
            "x_calls_total{outcome=\"success\"} 0",
            "x_calls_total{outcome=\"refused\"} 1",
            "x_calls_total{outcome=\"dropped\"} 1",
            "x_call_duration_seconds_count 2",
            "x_calls_running 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
