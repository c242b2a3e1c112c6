//! The address to fetch the numbers from: a thread with a reactor of its own, so that they can be
//! had when the daemon's reactors have no time.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::text::Text;

/// Connections at the same time; more wait.
const CONNECTIONS: usize = 16;

/// The longest request head that is read.
const LONGEST_HEAD: usize = 8 * 1024;

/// The time that a connection has for everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `GET /metrics` at `listener` until the process ends: what `collect` gives, once for each
/// request. Connections are closed after one answer, and whoever dawdles is cut off.
pub fn serve<F, C>(listener: TcpListener, collect: F) -> io::Result<()>
where
    F: Fn() -> C + Send + Sync + 'static,
    C: Future<Output = Text> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let collect = Arc::new(collect);
    thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || {
            if let Err(error) = reactor.block_on(accept(listener, collect)) {
                log::error!("metrics are no longer served: {error}");
            }
        })
        .map(drop)
}

async fn accept<F, C>(listener: TcpListener, collect: Arc<F>) -> io::Result<()>
where
    F: Fn() -> C + Send + Sync + 'static,
    C: Future<Output = Text> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No file is left, perhaps. That passes.
                log::debug!("a connection for metrics is not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let collect = collect.clone();
        tokio::spawn(async move {
            let exchange = exchange(stream, &*collect);
            if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, exchange).await {
                log::debug!("a connection for metrics broke: {error}");
            }
            drop(place);
        });
    }
}

async fn exchange<F, C>(mut stream: TcpStream, collect: &F) -> io::Result<()>
where
    F: Fn() -> C,
    C: Future<Output = Text>,
{
    let head = read_head(&mut stream).await?;
    let mut words = head.split([' ', '\r', '\n']);
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("");
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", Text::CONTENT_TYPE, collect().await.finish()),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "see /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", String::new()),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if method != "HEAD" {
        answer.push_str(&body);
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD {
            return Err(io::Error::other("the head is too long"));
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::SocketAddr;

    use super::*;
    use crate::text::Kind;

    fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, || async {
            let mut text = Text::new();
            text.single("up", Kind::Gauge, "Up.", 1);
            text
        })
        .unwrap();
        address
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // Whoever sends nonsense may see the connection reset.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn gives_the_numbers_and_nothing_else() {
        let address = start();
        let answer = ask(address, "GET /metrics?x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n# HELP up Up.\n# TYPE up gauge\nup 1\n"));
        let head = ask(address, "HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(
            head.ends_with("\r\n\r\n") && head.contains("Content-Length: 35\r\n"),
            "{head}"
        );
        assert!(ask(address, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(ask(address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert_eq!(ask(address, &"x".repeat(20_000)), "");
    }

    #[test]
    fn silent_connections_do_not_keep_others_waiting() {
        let address = start();
        let silent: Vec<_> = (1..CONNECTIONS)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        let answer = ask(address, "GET /metrics HTTP/1.0\r\n\r\n");
        assert!(answer.contains("up 1"));
        drop(silent);
    }
}
