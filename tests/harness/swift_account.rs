//! What is in an account of a real Swift, asked for at Swift itself.

use std::collections::BTreeMap;

use crate::{Connection, Request, Service};

/// The account of Swift's first user.
#[derive(Debug)]
pub struct SwiftAccount {
    /// `host:port` of Swift.
    pub address: String,
    /// Where it is there: `/v1/AUTH_…`.
    pub path: String,
    token: String,
}

impl SwiftAccount {
    /// The account at a running Swift.
    pub fn of(swift: &Service) -> Self {
        let address = swift.address("SWIFT_AUTH_URL");
        let asked = Request::get("/auth/v1.0")
            .header("X-Auth-User", swift.variable("SWIFT_USER"))
            .header("X-Auth-Key", swift.variable("SWIFT_KEY"));
        let answer = Connection::open(&address)
            .and_then(|mut connection| connection.exchange(&asked))
            .expect("Swift answers");
        let header = |name| {
            answer
                .header(name)
                .expect("a token and an address")
                .to_owned()
        };
        let url = header("X-Storage-Url");
        let path = url
            .splitn(4, '/')
            .nth(3)
            .expect("a URL with a path")
            .to_owned();
        Self {
            address,
            path: format!("/{path}"),
            token: header("X-Auth-Token"),
        }
    }

    /// Everything in the containers whose names begin with `prefix`: `CONTAINER/OBJECT` and what
    /// Swift says of its size.
    pub fn objects(&self, prefix: &str) -> BTreeMap<String, u64> {
        let mut objects = BTreeMap::new();
        for container in self.list(&format!("?prefix={prefix}")) {
            let container = container["name"].as_str().expect("a name").to_owned();
            for object in self.list(&format!("/{container}?")) {
                let name = object["name"].as_str().expect("a name");
                let size = object["bytes"].as_u64().expect("a size");
                objects.insert(format!("{container}/{name}"), size);
            }
        }
        objects
    }

    fn list(&self, what: &str) -> Vec<serde_json::Value> {
        let path = format!("{}{what}&format=json&limit=10000", self.path);
        let asked = Request::get(path).header("X-Auth-Token", &self.token);
        let answer = Connection::open(&self.address)
            .and_then(|mut connection| connection.exchange(&asked))
            .expect("Swift answers");
        // A container may be gone since it was listed, or not be there yet.
        if answer.status == 404 {
            return Vec::new();
        }
        let list = answer.expect(200).json();
        list.as_array().expect("a list").clone()
    }
}
