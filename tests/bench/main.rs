//! What `scripts/bench` drives: a load of transfers, and the yardsticks they are measured against.
//!
//! `glance-bench md5 SECONDS` · `upload HOST:PORT COUNT BYTES` · `download HOST:PORT COUNT PATH…` ·
//! `bare HOST:PORT FILE`. Each prints one JSON object.

mod bare;
mod transfer;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use glance_store::md5::Md5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["md5", seconds] => seconds.parse().map_err(|_| "SECONDS".to_owned()).map(md5),
        ["upload", address, count, bytes] => match (count.parse(), bytes.parse()) {
            (Ok(count), Ok(bytes)) => transfer::upload(address, count, bytes),
            _ => Err("COUNT and BYTES are numbers".to_owned()),
        },
        ["download", address, count, paths @ ..] if !paths.is_empty() => match count.parse() {
            Ok(count) => transfer::download(address, count, paths),
            Err(_) => Err("COUNT is a number".to_owned()),
        },
        ["bare", address, file] => bare::serve(address, file),
        _ => Err("md5 | upload | download | bare: see the top of tests/bench/main.rs".to_owned()),
    };
    if let Err(reason) = outcome {
        eprintln!("glance-bench: {reason}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// One stream over memory that is in no cache but the last: the limit of an upload.
fn md5(seconds: u64) {
    let data = vec![0x5a_u8; 1 << 20];
    let (begin, mut bytes) = (Instant::now(), 0_u64);
    let mut hasher = Md5::new();
    while begin.elapsed() < Duration::from_secs(seconds) {
        hasher.update(&data);
        bytes += data.len() as u64;
    }
    let elapsed = begin.elapsed();
    let digest = hasher.finish();
    report(bytes, elapsed, &format!("\"{digest}\""));
}

#[expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]
fn report(bytes: u64, elapsed: Duration, detail: &str) {
    let rate = bytes as f64 / 1e6 / elapsed.as_secs_f64();
    println!(
        "{{\"bytes\": {bytes}, \"seconds\": {:.6}, \"mb_per_s\": {rate:.1}, \"detail\": {detail}}}",
        elapsed.as_secs_f64()
    );
}
