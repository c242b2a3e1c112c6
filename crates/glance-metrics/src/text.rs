//! Prometheus' text form, version 0.0.4.

use std::fmt::{Display, Write};

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the daemon starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations by size.
    Histogram,
}

/// A text that is being written.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// The type of the whole.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the samples of `name`, which `help` explains in one line.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.0, "{open}{label}=\"{value}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_prometheus_reads() {
        let mut text = Text::new();
        text.single("up", Kind::Gauge, "Whether it is up.", 1);
        text.family("seen_total", Kind::Counter, "What was seen.");
        text.sample("seen_total", &[("a", "x\"y\\z\n"), ("b", "")], 2.5);
        assert_eq!(
            text.finish(),
            "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n\
             # HELP seen_total What was seen.\n# TYPE seen_total counter\n\
             seen_total{a=\"x\\\"y\\\\z\\n\",b=\"\"} 2.5\n"
        );
    }
}
