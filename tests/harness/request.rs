//! A request as bytes: nothing is corrected, so that wrong ones can be sent too.

use crate::Identity;

enum Body {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<u8>, usize),
}

/// A request under construction.
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
}

impl Request {
    /// A request without headers and body; `path` with its query, sent as it is.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A HEAD.
    pub fn head(path: impl Into<String>) -> Self {
        Self::new("HEAD", path)
    }

    /// A POST.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    /// A PUT.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new("PUT", path)
    }

    /// A DELETE.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new("DELETE", path)
    }

    /// One header more.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Asked by this caller.
    pub fn by(self, caller: &Identity) -> Self {
        let token = caller.token();
        self.header("X-Auth-Token", token)
    }

    /// The headers of a raw disk of this name.
    pub fn raw_disk(self, name: &str) -> Self {
        self.header("x-image-meta-name", name)
            .header("x-image-meta-disk_format", "raw")
            .header("x-image-meta-container_format", "bare")
    }

    /// Image data with its length.
    pub fn data(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Sized(bytes.into());
        self.header("Content-Type", "application/octet-stream")
    }

    /// Image data in chunks of `chunk` bytes, its length unknown to the server.
    pub fn chunked(mut self, bytes: impl Into<Vec<u8>>, chunk: usize) -> Self {
        self.body = Body::Chunked(bytes.into(), chunk);
        self.header("Content-Type", "application/octet-stream")
    }

    /// A JSON document.
    pub fn json(mut self, document: &serde_json::Value) -> Self {
        self.body = Body::Sized(document.to_string().into_bytes());
        self.header("Content-Type", "application/json")
    }

    /// Any body with its length and no Content-Type.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Sized(bytes.into());
        self
    }

    /// Whether the answer has no body by definition.
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The request line and headers, with `Host` and what the body needs.
    pub fn head_bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        if !self.has("Host") {
            bytes.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        match &self.body {
            Body::None => (),
            Body::Sized(_) if self.has("Content-Length") => (),
            Body::Sized(body) => {
                bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
            }
            Body::Chunked(..) => bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// The body as it travels.
    pub fn body_bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Sized(body) => body.clone(),
            Body::Chunked(body, chunk) => {
                let mut bytes = Vec::with_capacity(body.len() + 64);
                for piece in body.chunks((*chunk).max(1)) {
                    bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    bytes.extend_from_slice(piece);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
                bytes
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(given, _)| given.eq_ignore_ascii_case(name))
    }
}
