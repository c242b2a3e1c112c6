//! A Keystone for tests: it answers as it is told, and counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use glance_config::{KeystoneAuthtoken, Secret};

use super::settings::Settings;
use super::verdict::{Verified, read};

/// A request that it got.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Method and target.
    pub(super) line: String,
    /// Lines of the head, in lower case but for the values.
    pub(super) headers: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Status, further lines of the head, body.
pub(super) type Told = (u16, String, String);
type Answers = dyn Fn(&Asked) -> Told + Send + Sync;

pub(super) struct FakeKeystone {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeKeystone {
    pub(super) fn start(answers: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (notes, answers): (_, Arc<Answers>) = (asked.clone(), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (notes, answers) = (notes.clone(), answers.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &notes, &*answers));
            }
        });
        Self { url, asked }
    }

    /// How many requests with this method there were.
    pub(super) fn count(&self, method: &str) -> usize {
        let asked = self.asked();
        asked
            .iter()
            .filter(|asked| asked.line.starts_with(method))
            .count()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, notes: &Mutex<Vec<Asked>>, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let split = |line: &String| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        let asked = Asked {
            line: lines[0].clone(),
            headers: lines[1..].iter().map(split).collect(),
        };
        let length = asked.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        notes.lock().unwrap().push(asked.clone());
        let (status, head, body) = answers(&asked);
        let answer = format!(
            "HTTP/1.1 {status} X\r\n{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The configuration for a Keystone at `url`.
pub(super) fn config(url: &str) -> KeystoneAuthtoken {
    KeystoneAuthtoken {
        auth_url: Some(url.to_owned()),
        username: Some("glance".into()),
        password: Some(Secret::new("secret")),
        project_name: Some("service".into()),
        http_request_max_retries: 1,
        http_connect_timeout: Some(1),
        ..KeystoneAuthtoken::default()
    }
}

pub(super) fn settings(url: &str) -> Settings {
    Settings::try_from(&config(url)).unwrap()
}

/// The body about a token of `user`'s that lives for so many seconds.
pub(super) fn body(user: &str, seconds: i64, role: &str) -> String {
    let now = chrono::Utc::now();
    let stamp = |seconds| {
        (now + chrono::TimeDelta::seconds(seconds))
            .format("%Y-%m-%dT%H:%M:%S%.6fZ")
            .to_string()
    };
    format!(
        r#"{{"token": {{"issued_at": "{}", "expires_at": "{}", "user": {{"id": "{user}"}},
            "project": {{"id": "p-{user}"}}, "roles": [{{"name": "{role}"}}], "catalog": []}}}}"#,
        stamp(0),
        stamp(seconds),
    )
}

pub(super) fn verified(user: &str) -> Verified {
    let body = body(user, 1000, "member");
    let answer = read(body.as_bytes(), &settings("http://k"));
    answer.unwrap().unwrap().verified
}
