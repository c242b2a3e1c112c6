//! A file of rules before its checks are understood: names and values with their lines, from JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::language::Item;
use super::{PolicyError, shown};

/// One rule as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// The line it begins on, from 1.
    pub(super) line: usize,
    /// Its check.
    pub(super) shape: Shape,
}

/// A check as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In the check language.
    Text(String),
    /// A list of lists.
    List(Vec<Item>),
}

/// The members of a JSON object, in their order.
pub(super) fn read_json(text: &str) -> Result<Vec<Entry>, PolicyError> {
    let members: Members = serde_json::from_str(text).map_err(|error| {
        let whole = error.to_string();
        let reason = whole
            .rsplit_once(" at line ")
            .map_or(whole.as_str(), |(reason, _)| reason);
        PolicyError {
            line: error.line().max(1),
            reason: format!("no JSON: {}", clipped(reason)),
        }
    })?;
    let lines = member_lines(text);
    let entries = members
        .0
        .into_iter()
        .zip(lines)
        .map(|((name, value), line)| match shape(value) {
            Ok(shape) => Ok(Entry { name, line, shape }),
            Err(reason) => Err(PolicyError {
                line,
                reason: format!("rule {}: {reason}", shown(&name)),
            }),
        });
    entries.collect()
}

fn shape(value: Value) -> Result<Shape, &'static str> {
    const EXPECTED: &str = "a check is a string, or a list of strings and lists of strings";
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(EXPECTED),
    };
    let item = |value| match value {
        Value::Array(values) => values
            .into_iter()
            .map(text)
            .collect::<Result<_, _>>()
            .map(Item::All),
        value => text(value).map(Item::One),
    };
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(item)
            .collect::<Result<_, _>>()
            .map(Shape::List),
        value => text(value).map(Shape::Text),
    }
}

/// A reason of the parser, which may quote the whole text.
fn clipped(reason: &str) -> &str {
    reason
        .char_indices()
        .nth(160)
        .map_or(reason, |(end, _)| &reason[..end])
}

struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Keeps repeated members apart, which a map would not.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The lines that the members of a well-formed object are on: those of the colons outside of
/// strings and inner values.
fn member_lines(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let (mut line, mut depth, mut in_string) = (1, 0_usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => line += 1,
            b'"' => in_string = !in_string,
            // What is escaped ends no string.
            b'\\' => drop(bytes.next()),
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 => lines.push(line),
            _ => {}
        }
    }
    lines
}
