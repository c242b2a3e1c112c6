//! The metadata file: what the operator tells those who mount the same directories.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::StartError;

const OPTION: &str = "filesystem_store_metadata_file";

/// Descriptions of directories, each with its `id` and `mountpoint`.
#[derive(Clone, Debug, Default)]
pub(super) struct Mountpoints(Vec<Map<String, Value>>);

impl Mountpoints {
    /// Reads the file: one JSON object, or a list of them.
    pub(super) fn read(path: &Path) -> Result<Self, StartError> {
        let name = path.display();
        let text = std::fs::read(path).map_err(|error| {
            StartError::new(OPTION, format!("{name} cannot be read")).caused(error)
        })?;
        Self::parse(&text).map_err(|what| StartError::new(OPTION, format!("{name}: {what}")))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let objects = match serde_json::from_slice(text).map_err(|error| error.to_string())? {
            Value::Array(values) => values,
            value => vec![value],
        };
        let mut mountpoints = Vec::new();
        for object in objects {
            let Value::Object(object) = object else {
                return Err("there is something else than objects in the list".to_owned());
            };
            for key in ["id", "mountpoint"] {
                if !object.get(key).is_some_and(Value::is_string) {
                    return Err(format!("an object has no text '{key}'"));
                }
            }
            if let Some((key, _)) = object.iter().find(|(_, value)| !is_textual(value)) {
                // Glance's rule for location metadata.
                return Err(format!(
                    "'{key}': only objects, lists and texts are supported"
                ));
            }
            mountpoints.push(object);
        }
        Ok(Self(mountpoints))
    }

    /// The description of the first mountpoint that the path begins with, text by text as Glance
    /// compares; empty if there is none.
    pub(super) fn of(&self, path: &Path) -> Map<String, Value> {
        if self.0.is_empty() {
            return Map::new();
        }
        let text = path.to_str().unwrap_or_default();
        let is_of = |object: &&Map<String, Value>| {
            let mountpoint = object.get("mountpoint").and_then(Value::as_str);
            mountpoint.is_some_and(|mountpoint| text.starts_with(mountpoint))
        };
        match self.0.iter().find(is_of) {
            Some(object) => object.clone(),
            None => {
                log::error!("{OPTION}: no mountpoint in it matches {text}");
                Map::new()
            }
        }
    }
}

fn is_textual(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(values) => values.iter().all(is_textual),
        Value::Object(object) => object.values().all(is_textual),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(mountpoints: &Mountpoints, path: &str) -> Option<String> {
        let object = mountpoints.of(Path::new(path));
        object.get("id").and_then(Value::as_str).map(str::to_owned)
    }

    #[test]
    fn finds_the_mountpoint_of_a_file() {
        let list = br#"[{"id": "a", "mountpoint": "/a"},
                        {"id": "b", "mountpoint": "/b/c", "share": ["nfs", {"host": "h"}]}]"#;
        let mountpoints = Mountpoints::parse(list).unwrap();
        assert_eq!(id_of(&mountpoints, "/a/1").as_deref(), Some("a"));
        assert_eq!(id_of(&mountpoints, "/b/c/1").as_deref(), Some("b"));
        assert_eq!(id_of(&mountpoints, "/b/1"), None);
        let one = Mountpoints::parse(br#"{"id": "a", "mountpoint": "/a"}"#).unwrap();
        assert_eq!(id_of(&one, "/a/1").as_deref(), Some("a"));
        assert!(Mountpoints::default().of(Path::new("/a/1")).is_empty());
    }

    #[test]
    fn refuses_what_glance_refuses() {
        for text in [
            "",
            "7",
            "[7]",
            r#"{"mountpoint": "/a"}"#,
            r#"{"id": 7, "mountpoint": "/a"}"#,
            r#"{"id": "a", "mountpoint": "/a", "n": {"x": 7}}"#,
        ] {
            assert!(Mountpoints::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
