//! A real web server (nginx, `scripts/services/static-http`) with files of the story's.

use std::path::Path;

use crate::Service;

/// A running nginx. Stopped when dropped.
#[derive(Debug)]
pub struct WebServer {
    service: Service,
    address: String,
}

impl WebServer {
    /// Starts it, without any files.
    pub fn start() -> Self {
        let service = Service::start("static-http", &[]);
        let address = service.address("STATIC_HTTP_URL");
        Self { service, address }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves `data` as `/NAME`.
    pub fn put(&self, name: &str, data: &[u8]) {
        let root = self.service.variable("STATIC_HTTP_ROOT");
        let file = Path::new(&root).join(name);
        std::fs::write(file, data).expect("the folder can be written");
    }
}
