//! The documentation names its proofs; here each of them is looked for.
#![allow(
    clippy::unwrap_used,
    reason = "a page that cannot be read is a failure, and says so"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The workspace's directory.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page of the documentation, with its name.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in [root().join("docs"), root().join("docs/adr")] {
        let entries = fs::read_dir(folder).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let pages = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

fn compatibility() -> String {
    fs::read_to_string(root().join("docs/COMPATIBILITY.md")).unwrap()
}

/// What stands between backticks within a line.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether `name` is a test of the file that `place` stands for: `v1/ranges` is
/// `tests/v1/ranges.rs`, or below glance-registry.
fn is_test(place: &str, name: &str) -> bool {
    let python = root().join("tests").join(place);
    if place.ends_with(".py") {
        return fs::read_to_string(python)
            .is_ok_and(|text| text.contains(&format!("def {name}(self")));
    }
    ["tests", "crates/glance-registry/tests"]
        .iter()
        .any(|folder| {
            let text = fs::read_to_string(root().join(folder).join(format!("{place}.rs")));
            text.is_ok_and(|text| text.contains(&format!("#[test]\nfn {name}()")))
        })
}

/// How many exchanges the recording `name` has, if there is one.
fn exchanges(name: &str) -> Option<usize> {
    let golden = root().join("tests/golden");
    let folders = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap());
    // Folders of Synnefo have files of the same name.
    let within = |folder: &Path| {
        let prefix = format!("{}-", folder.file_name()?.to_str()?);
        Some(folder.join(format!("{}.json", name.strip_prefix(&prefix)?)))
    };
    let path = folders
        .map(|folder| folder.path())
        .flat_map(|folder| [Some(folder.join(format!("{name}.json"))), within(&folder)])
        .flatten()
        .find(|path| path.is_file())?;
    let recording: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    // Steps are counted from 1.
    if let Some(steps) = recording["steps"].as_array() {
        return Some(steps.len() + 1);
    }
    if let Some(commands) = recording["commands"].as_array() {
        let of = |command: &Value| command["exchanges"].as_array().map_or(0, Vec::len);
        return Some(commands.iter().map(of).sum::<usize>() + 1);
    }
    let lists = ["exchanges", "cases", "api_calls"];
    lists
        .into_iter()
        .find_map(|list| Some(recording[list].as_array()?.len()))
}

/// The rows of the tables of decisions: `| C2 | …`.
fn rows(page: &str) -> Vec<&str> {
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.filter(|cell| is_row(cell)).collect()
}

fn is_row(word: &str) -> bool {
    word.strip_prefix(['C', 'D', 'E', 'N', 'P'])
        .is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[test]
fn every_test_that_is_named_exists() {
    let mut named = 0;
    for (path, page) in pages() {
        for word in quoted(&page).filter(|word| !word.contains(' ')) {
            let Some((place, name)) = word.split_once("::") else {
                continue;
            };
            if ![
                "v1/",
                "plankton/",
                "control/",
                "promises/",
                "clients/",
                "nova/",
            ]
            .iter()
            .any(|start| place.starts_with(start))
            {
                continue;
            }
            assert!(is_test(place, name), "{path}: there is no test {word}");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
}

#[test]
fn every_recording_that_is_named_exists() {
    let page = compatibility();
    let mut named = 0;
    for word in quoted(&page).filter(|word| !word.contains(' ')) {
        let Some((name, index)) = word.split_once('#') else {
            continue;
        };
        let count = exchanges(name).unwrap_or_else(|| panic!("there is no recording {word}"));
        if index != "*" {
            let index: usize = index
                .parse()
                .unwrap_or_else(|_| panic!("{word} has no index"));
            assert!(index < count, "{word}: there are {count} exchanges");
        }
        named += 1;
    }
    assert!(named > 50, "only {named} recordings are named");
}

#[test]
fn every_row_that_is_named_exists() {
    let page = compatibility();
    let rows = rows(&page);
    let mut sorted = rows.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), rows.len(), "a row is there twice: {rows:?}");
    let deviations = fs::read_to_string(root().join("tests/golden/deviations.txt")).unwrap();
    for text in [page.as_str(), deviations.as_str()] {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words.filter(|word| is_row(word)) {
            assert!(rows.contains(&word), "there is no row {word}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for (path, page) in pages() {
        let folder = Path::new(&path).parent().unwrap();
        for target in page
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") {
                continue;
            }
            assert!(folder.join(file).exists(), "{path}: {target} leads nowhere");
        }
    }
}
