//! Transfers that cost the client as little as can be, so that the server is what is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use crate::report;

const PIECE: usize = 1 << 20;

/// Registers `count` images of `bytes` bytes each, all at once, and prints their paths.
pub(crate) fn upload(address: &str, count: usize, bytes: u64) -> Result<(), String> {
    let begin = Instant::now();
    let paths = each(count, |_| upload_one(address, bytes))?;
    let elapsed = begin.elapsed();
    let quoted: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
    report(
        bytes * count as u64,
        elapsed,
        &format!("[{}]", quoted.join(", ")),
    );
    Ok(())
}

/// Reads `count` bodies at once, the paths in turn, and prints how much came.
pub(crate) fn download(address: &str, count: usize, paths: &[&str]) -> Result<(), String> {
    let begin = Instant::now();
    let sizes = each(count, |index| {
        download_one(address, paths[index % paths.len()])
    })?;
    report(sizes.iter().sum(), begin.elapsed(), "null");
    Ok(())
}

fn each<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|index| {
                let work = &work;
                scope.spawn(move || work(index))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_| "a transfer panicked".to_owned())?
            })
            .collect()
    })
}

fn upload_one(address: &str, bytes: u64) -> Result<String, String> {
    let piece: Vec<u8> = (0..PIECE).map(|at| (at * 7 + at / 251) as u8).collect();
    let mut stream = TcpStream::connect(address).map_err(text)?;
    let head = format!(
        "POST /v1/images HTTP/1.1\r\nHost: {address}\r\nx-image-meta-name: bench\r\n\
         x-image-meta-disk_format: raw\r\nx-image-meta-container_format: bare\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).map_err(text)?;
    let mut left = bytes;
    while left > 0 {
        let size = left.min(PIECE as u64) as usize;
        stream.write_all(&piece[..size]).map_err(text)?;
        left -= size as u64;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(text)?;
    if !answer.starts_with("HTTP/1.1 201 ") {
        return Err(format!(
            "upload: {}",
            answer.lines().next().unwrap_or("no answer")
        ));
    }
    answer
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("location: ")
                .map(str::to_owned)
        })
        .and_then(|url| url.find("/v1/").map(|at| url[at..].trim().to_owned()))
        .ok_or_else(|| "the answer has no Location".to_owned())
}

fn download_one(address: &str, path: &str) -> Result<u64, String> {
    let mut stream = TcpStream::connect(address).map_err(text)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(text)?;
    let mut reader = BufReader::with_capacity(PIECE, stream);
    let (mut line, mut length) = (String::new(), None);
    reader.read_line(&mut line).map_err(text)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(format!("download: {}", line.trim()));
    }
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).map_err(text)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut bytes = 0;
    loop {
        let size = reader.fill_buf().map_err(text)?.len();
        if size == 0 {
            break;
        }
        reader.consume(size);
        bytes += size as u64;
    }
    if length != Some(bytes) {
        return Err(format!(
            "download: {bytes} bytes came instead of {length:?}"
        ));
    }
    Ok(bytes)
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
