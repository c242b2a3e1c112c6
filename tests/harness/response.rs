//! An answer, as it came over the wire.

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// The words after the status code.
    pub reason: String,
    /// Names as they were spelled, values read as UTF-8.
    pub headers: Vec<(String, String)>,
    /// What came of the body.
    pub body: Vec<u8>,
    /// Whether the body came whole.
    pub complete: bool,
}

impl Response {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `X-Image-Meta-{field}`; an empty text when it is missing.
    pub fn meta(&self, field: &str) -> &str {
        self.header(&format!("X-Image-Meta-{field}"))
            .unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the story when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {}", self.status, self.text()))
    }

    /// The same answer, if it has this status; fails the story otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.reason, self.text());
        self
    }

    /// The ids of a list, in its order.
    pub fn ids(&self) -> Vec<String> {
        let list = self.json();
        let images = list["images"].as_array().expect("a list of images");
        images
            .iter()
            .map(|image| image["id"].as_str().expect("an id").to_owned())
            .collect()
    }
}
