//! A server that answers as a test says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request: its first line, its other lines in lower case, and its body.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The server's address, and what it was asked.
pub(super) struct Stub {
    pub(super) url: String,
    pub(super) asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Answers each request with what `answer` makes of it, as it is, and closes the connection.
    pub(super) async fn start(answer: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer) = (asked.clone(), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move { serve(stream, &log, &*answer).await });
            }
        });
        Self { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(&Asked) -> String + Send + Sync),
) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let asked = loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..read]);
        if let Some(asked) = parse(&text) {
            break asked;
        }
    };
    log.lock().unwrap().push(asked.clone());
    let answer = answer(&asked);
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn parse(text: &[u8]) -> Option<Asked> {
    let text = String::from_utf8_lossy(text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let asked = Asked {
        line,
        headers,
        body: body.to_owned(),
    };
    let length = asked.header("content-length").unwrap_or("0");
    (body.len() >= length.parse().unwrap()).then_some(asked)
}

/// The answer of version 1's service, which is at the same place as the account `/v1/a`.
pub(super) fn token(asked: &Asked, token: &str) -> String {
    let host = asked.header("host").unwrap();
    format!(
        "HTTP/1.1 200 OK\r\nX-Auth-Token: {token}\r\nX-Storage-Url: http://{host}/v1/a\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

/// An answer without a body.
pub(super) fn empty(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
