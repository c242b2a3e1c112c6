//! What Pithos' headers say of an object.

use chrono::NaiveDateTime;
use glance_core::timestamp::Timestamp;
use percent_encoding::percent_decode_str;

use super::error::PithosError;
use crate::net::answer::{Answer, header};
use crate::store::ObjectFacts;

/// How Pithos writes times into headers.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The facts in an answer to HEAD or GET.
pub(super) fn of(answer: &Answer) -> Result<ObjectFacts, PithosError> {
    let text = |name: &str| header(answer, name).filter(|text| !text.is_empty());
    let lacks = PithosError::Unusable("it does not tell what an object of Pithos has");
    let told = (
        text("x-object-uuid"),
        text("x-object-hash"),
        text("x-object-version").and_then(|text| text.parse().ok()),
        text("x-object-version-timestamp").and_then(time),
    );
    let (Some(uuid), Some(hash), Some(version), Some(modified)) = told else {
        return Err(lacks);
    };
    let (readers, writers) = match (text("x-object-sharing"), text("x-object-shared-by")) {
        (Some(sharing), None) => sharing_of(sharing),
        // What is shared is a folder above it.
        _ => Default::default(),
    };
    Ok(ObjectFacts {
        uuid: uuid.to_ascii_lowercase(),
        hash: hash.to_ascii_lowercase(),
        version,
        modified,
        // The owner is told nothing about it.
        may_write: text("x-object-allowed-to").is_none_or(|right| right == "write"),
        readers,
        writers,
    })
}

fn time(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, HTTP_DATE).ok()?;
    Some(Timestamp::from_naive(time))
}

/// Readers and writers of `read=a,b; write=c`, whose names are percent-encoded.
fn sharing_of(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    for part in text.split(';') {
        let Some((right, names)) = part.trim().split_once('=') else {
            continue;
        };
        let names = names.split(',').filter(|name| !name.is_empty());
        let names = names.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
        match right {
            "read" => readers.extend(names),
            "write" => writers.extend(names),
            _ => {}
        }
    }
    (readers, writers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sharing_as_pithos_writes_it() {
        let cases = [
            ("read=%2A", vec!["*"], vec![]),
            (
                "read=b,a:friends; write=c",
                vec!["b", "a:friends"],
                vec!["c"],
            ),
            ("write=%2A", vec![], vec!["*"]),
            ("read=%CE%BA", vec!["κ"], vec![]),
            ("nonsense", vec![], vec![]),
        ];
        for (text, readers, writers) in cases {
            let (read, write) = sharing_of(text);
            assert_eq!((read, write), (owned(&readers), owned(&writers)), "{text}");
        }
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn reads_the_time_of_a_version() {
        let time = time("Tue, 20 Mar 2018 09:08:07 GMT").unwrap();
        assert_eq!(Some(time), Timestamp::parse("2018-03-20T09:08:07"));
        assert!(super::time("yesterday").is_none());
    }
}
