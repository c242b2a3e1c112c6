//! Which files hold rules, what is in them, and whether they are still the same.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::RulesError;
use crate::locate;
use crate::policy::{PolicyConfig, PropertyProtectionConfig};

/// The options that name files of rules, and the configuration file beside which they are.
#[derive(Clone, Debug)]
pub struct RuleSources {
    pub(super) policy: PolicyConfig,
    pub(super) protection: PropertyProtectionConfig,
    beside: PathBuf,
}

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// All of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RuleTexts {
    /// None: Glance's own rules apply.
    pub(super) policy: Option<Text>,
    pub(super) overlays: Vec<Text>,
    pub(super) protection: Option<Text>,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Device, inode, size, and the times of the last changes to the content and of anything.
    state: Option<[i64; 7]>,
}

impl RuleSources {
    /// What `policy` and `protection` name; relative names are looked for beside `beside` first.
    pub fn new(
        policy: &PolicyConfig,
        protection: &PropertyProtectionConfig,
        beside: &Path,
    ) -> Self {
        Self {
            policy: policy.clone(),
            protection: protection.clone(),
            beside: beside.to_owned(),
        }
    }

    fn find(&self, name: &Path) -> Option<PathBuf> {
        locate::companion(name, &self.beside)
    }

    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        let names = self.policy.policy_dirs.0.iter();
        names.filter_map(|name| self.find(name))
    }

    /// Reads all files.
    pub(super) fn read(&self) -> Result<RuleTexts, RulesError> {
        let name = &self.policy.policy_file;
        let policy = match self.find(name) {
            Some(path) => Some(read(path)?),
            None if name == Path::new("policy.json") => None,
            None => return Err(unreadable(name, io::ErrorKind::NotFound.into())),
        };
        let mut overlays = Vec::new();
        for directory in self.directories() {
            let files = files(&directory).map_err(|source| unreadable(&directory, source))?;
            for path in files {
                overlays.push(read(path)?);
            }
        }
        let protection = self.protection.property_protection_file.as_ref();
        let protection = protection.map(|name| self.find(name).unwrap_or_else(|| name.clone()));
        Ok(RuleTexts {
            policy,
            overlays,
            protection: protection.map(read).transpose()?,
        })
    }

    /// A file that looks like the policy and is not: there is no policy file.
    pub(super) fn overlooked(&self, texts: &RuleTexts) -> Option<PathBuf> {
        match texts.policy {
            Some(_) => None,
            None => self.find(Path::new("policy.yaml")),
        }
    }

    /// The present state of all files. What cannot be looked at has a stamp as well.
    pub(super) fn stamps(&self) -> Vec<Stamp> {
        let mut paths: Vec<PathBuf> = self.find(&self.policy.policy_file).into_iter().collect();
        for directory in self.directories() {
            paths.extend(files(&directory).unwrap_or_default());
            paths.push(directory);
        }
        let protection = self.protection.property_protection_file.as_ref();
        paths.extend(protection.and_then(|name| self.find(name)));
        paths.into_iter().map(Stamp::of).collect()
    }
}

impl Stamp {
    fn of(path: PathBuf) -> Self {
        let state = fs::metadata(&path).ok().map(|metadata| {
            [
                metadata.dev().cast_signed(),
                metadata.ino().cast_signed(),
                metadata.size().cast_signed(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ]
        });
        Self { path, state }
    }
}

/// The files in a directory of rules, by name, without hidden ones.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: PathBuf) -> Result<Text, RulesError> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Text { path, text }),
        Err(source) => Err(unreadable(&path, source)),
    }
}

fn unreadable(path: &Path, source: io::Error) -> RulesError {
    RulesError::Unreadable {
        path: path.to_owned(),
        source,
    }
}
