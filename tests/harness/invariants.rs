//! What must hold after every fault: see `Cloud::check_invariants`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Cloud, Identity, Request, eventually, md5_hex};

const STATUSES: [&str; 6] = [
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "pending_delete",
];

impl Cloud {
    /// Every file below the data directory, hidden and half-written ones too.
    pub fn stored_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.data_directory(), &mut files);
        files.sort();
        files
    }

    /// Fails the story when any byte of image data is in the data directory.
    #[track_caller]
    pub fn nothing_is_stored(&self) {
        let files = self.stored_files();
        assert!(files.is_empty(), "left behind: {files:?}");
    }

    /// Every image there is or was, as the administrator's detailed list shows it.
    pub fn every_image(&self) -> Vec<Value> {
        let mut images: Vec<Value> = Vec::new();
        loop {
            let marker = match images.last() {
                Some(last) => format!("&marker={}", last["id"].as_str().expect("an id")),
                None => String::new(),
            };
            let path = format!(
                "/v1/images/detail?is_public=None&changes-since=1970-01-01T00:00:00Z&limit=500{marker}"
            );
            let page = self
                .send(Request::get(path).by(&Identity::admin()))
                .expect(200)
                .json();
            let page = page["images"].as_array().expect("a list of images").clone();
            if page.is_empty() {
                return images;
            }
            images.extend(page);
        }
    }

    /// Waits until no image is `saving`, then checks that
    /// - every image is in a state of the state machine,
    /// - the data of every active image is in the store, with its size and checksum, and is what a
    ///   reader gets,
    /// - the store holds nothing else but what waits for the scrubber.
    pub fn check_invariants(&self, seconds: u64) {
        self.check_invariants_beside(seconds, &BTreeMap::new());
    }

    /// The same where the data of some images, by their ids, is not in the data directory: every
    /// active one of them is what a reader gets, and nothing of them is in the directory. Who tells
    /// the story looks at the place where they are.
    pub fn check_invariants_beside(&self, seconds: u64, elsewhere: &BTreeMap<String, Vec<u8>>) {
        eventually("no image is saving", seconds, || {
            !self
                .every_image()
                .iter()
                .any(|image| image["status"] == "saving")
        });
        let mut expected = BTreeSet::new();
        for image in self.every_image() {
            let id = image["id"].as_str().expect("an id");
            let status = image["status"].as_str().expect("a status");
            assert!(STATUSES.contains(&status), "{id} is {status}");
            let path = self.data_directory().join(id);
            match status {
                "active" if elsewhere.contains_key(id) => {
                    self.check_read(&image, &elsewhere[id]);
                }
                "active" if image["size"] != 0 => {
                    self.check_data(&image, &path);
                    expected.insert(path);
                }
                // The scrubber may or may not have been there already.
                "pending_delete" if path.exists() => {
                    expected.insert(path);
                }
                _ => (),
            }
        }
        eventually("the store holds nothing but images", seconds, || {
            self.stored_files().into_iter().collect::<BTreeSet<_>>() == expected
        });
    }

    fn check_data(&self, image: &Value, path: &Path) {
        let id = image["id"].as_str().expect("an id");
        let stored = std::fs::read(path).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(image["checksum"], md5_hex(&stored), "checksum of {id}");
        self.check_read(image, &stored);
    }

    fn check_read(&self, image: &Value, data: &[u8]) {
        let id = image["id"].as_str().expect("an id");
        assert_eq!(image["size"], data.len(), "size of {id}");
        // An image that nobody copied has the checksum that its user declared, often none.
        let sum = &image["checksum"];
        assert!(sum.is_null() || *sum == md5_hex(data), "checksum of {id}");
        let read = self.administrator().download(id).expect(200);
        assert!(read.complete, "{id}: a reader does not get all of it");
        assert!(read.body == data, "{id}: a reader gets other bytes");
    }

    /// Fails the story when the log of a daemon has one of these words.
    #[track_caller]
    pub fn logs_tell_nothing_of(&self, secrets: &[&str]) {
        for line in self.logs().lines() {
            let told = secrets.iter().find(|secret| line.contains(**secret));
            assert!(told.is_none(), "{told:?} is told: {line}");
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
