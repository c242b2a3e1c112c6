//! What the system knows of this process, under the names that all of Prometheus' clients use.

use std::fs;

use crate::text::{Kind, Text};

/// Ticks of a second in the system's accounts of CPU time; Linux has had no other number for
/// programs since long.
const TICKS: f64 = 100.0;

/// Writes memory, CPU time, files and threads of this process, as far as the system tells, and
/// which `program` of which `version` it is.
///
/// Blocks to read a few small files of the kernel's.
pub fn process(text: &mut Text, program: &str, version: &str) {
    let name = format!("{}_build_info", program.replace('-', "_"));
    text.family(&name, Kind::Gauge, "The program that runs.");
    text.sample(&name, &[("version", version)], 1);
    if let Some(stat) = Stat::read() {
        text.single(
            "process_cpu_seconds_total",
            Kind::Counter,
            "CPU time of all threads.",
            stat.cpu,
        );
        text.single("process_threads", Kind::Gauge, "Threads.", stat.threads);
        if let Some(started) = stat.started {
            let help = "When the process started, in seconds since 1970.";
            text.single("process_start_time_seconds", Kind::Gauge, help, started);
        }
    }
    if let Some(bytes) = resident() {
        let help = "Memory that is in use.";
        text.single("process_resident_memory_bytes", Kind::Gauge, help, bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        let help = "Files and connections that are open.";
        text.single("process_open_fds", Kind::Gauge, help, files.count());
    }
}

struct Stat {
    cpu: f64,
    threads: u64,
    started: Option<f64>,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program, in parentheses, may hold anything.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let boot = fs::read_to_string("/proc/stat").ok();
        let boot = boot.as_deref().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
            line.parse::<f64>().ok()
        });
        Some(Self {
            cpu: (number(11)? + number(12)?) as f64 / TICKS,
            threads: number(17)?,
            started: boot
                .zip(number(19))
                .map(|(boot, ticks)| boot + ticks as f64 / TICKS),
        })
    }
}

fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_process() {
        let mut text = Text::new();
        process(&mut text, "glance-api", "1.2");
        let text = text.finish();
        assert!(text.contains("glance_api_build_info{version=\"1.2\"} 1\n"));
        for name in [
            "process_cpu_seconds_total",
            "process_threads",
            "process_start_time_seconds",
            "process_resident_memory_bytes",
            "process_open_fds",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{name}\n{text}");
        }
    }
}
