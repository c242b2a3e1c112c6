//! Where glance-api keeps image data.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::value::OptionValue;

options! {
    /// Where glance-api keeps image data.
    pub struct StoreConfig in "glance_store" {
        /// The stores that are in use: file keeps data, http reads it from outside sources.
        stores: StoreNames = "file,http", restart,
            was ["DEFAULT/stores", "DEFAULT/known_stores", "glance_store/known_stores"];
        /// The store for images whose caller does not name one, by its scheme.
        default_store: String = "file", restart, was ["DEFAULT/default_store"];
        /// The directory in which the file store keeps data, one file for an image.
        filesystem_store_datadir: Option<PathBuf> = "/var/lib/glance/images", restart,
            was ["DEFAULT/filesystem_store_datadir"];
        /// Several directories instead of one, each with a priority: /path:100. New data goes to
        /// the one with the highest priority that has room. Not to be set along with another
        /// filesystem_store_datadir than the default.
        filesystem_store_datadirs: DataDirs = unset, restart,
            was ["DEFAULT/filesystem_store_datadirs"];
        /// The mode of the files, in octal, such as 0640. 0: as the umask gives it.
        filesystem_store_file_perm: FilePermissions = "0", live,
            was ["DEFAULT/filesystem_store_file_perm"];
        /// A JSON file that describes the directories (as for direct access by a hypervisor).
        filesystem_store_metadata_file: Option<PathBuf> = unset, live,
            was ["DEFAULT/filesystem_store_metadata_file"];
        /// Accepted for Glance's sake: a file is sent by the system itself, or read 256 KiB at a time.
        filesystem_store_chunk_size: NonZeroUsize = "262144", restart;
    }
}

impl StoreConfig {
    /// The directories of the file store, the highest priority first; equal priorities in the
    /// order in which they were written. Empty when none is configured.
    pub fn data_dirs(&self) -> Vec<DataDir> {
        if self.filesystem_store_datadirs.0.is_empty() {
            let path = self.filesystem_store_datadir.clone();
            return path
                .into_iter()
                .map(|path| DataDir { path, priority: 0 })
                .collect();
        }
        let mut dirs = self.filesystem_store_datadirs.0.clone();
        dirs.sort_by_key(|dir| std::cmp::Reverse(dir.priority));
        dirs
    }

    /// Whether both spellings of the data directory are in use, which Glance refuses, too.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.filesystem_store_datadirs.0.is_empty()
            && self.filesystem_store_datadir.is_some()
            && self.filesystem_store_datadir != Self::default().filesystem_store_datadir
    }
}

/// One directory of the file store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    /// The directory.
    pub path: PathBuf,
    /// The higher, the sooner it is filled.
    pub priority: u32,
}

/// Directories with priorities, one for each time that the option is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataDirs(pub Vec<DataDir>);

impl OptionValue for DataDirs {
    const ACCEPTS: &'static str =
        "a path, with an optional priority (0 or more) after a colon; may be given several times";
    const MULTIPLE: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Self::parse_all(&[text.to_owned()])
    }

    fn parse_all(texts: &[String]) -> Result<Self, Option<String>> {
        let mut dirs: Vec<DataDir> = Vec::new();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let (path, priority) = match text.rsplit_once(':') {
                Some((path, priority)) => (path.trim(), priority.trim().parse().map_err(|_| None)?),
                None => (text.as_str(), 0),
            };
            if path.is_empty() {
                return Err(Some("there is no path before the colon".to_owned()));
            }
            let path = PathBuf::parse(path)?;
            if dirs.iter().any(|dir| dir.path == path) {
                return Err(Some(format!("{} is given twice", path.display())));
            }
            dirs.push(DataDir { path, priority });
        }
        Ok(Self(dirs))
    }

    fn shown(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|dir| format!("{}:{}", dir.path.display(), dir.priority))
            .collect()
    }
}

/// The mode of new files; none leaves it to the umask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilePermissions(Option<u32>);

impl FilePermissions {
    /// The mode's bits, or none.
    pub fn mode(self) -> Option<u32> {
        self.0
    }
}

impl OptionValue for FilePermissions {
    const ACCEPTS: &'static str = "an octal mode from 0 to 7777";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        // Glance reads the digits of the number as octal ones.
        let digits = text.strip_prefix("0o").unwrap_or(text);
        match u32::from_str_radix(digits, 8) {
            Ok(0) => Ok(Self(None)),
            // Glance refuses a mode that would lock its own process out.
            Ok(mode) if mode <= 0o7777 && mode & 0o600 == 0o600 => Ok(Self(Some(mode))),
            Ok(mode) if mode <= 0o7777 => {
                Err(Some("the owner must be able to read and write".to_owned()))
            }
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![
            self.0
                .map_or_else(|| "0".to_owned(), |mode| format!("{mode:04o}")),
        ]
    }
}

/// The names of stores, by scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreNames(pub Vec<String>);

/// Older files name classes instead of stores.
const CLASSES: [(&str, &str); 10] = [
    ("glance.store.filesystem.Store", "file"),
    ("glance.store.http.Store", "http"),
    ("glance.store.s3.Store", "s3"),
    ("glance.store.swift.Store", "swift"),
    ("glance.store.rbd.Store", "rbd"),
    ("glance.store.cinder.Store", "cinder"),
    ("glance.store.sheepdog.Store", "sheepdog"),
    ("glance.store.vmware_datastore.Store", "vsphere"),
    ("glance_store._drivers.filesystem:Store", "file"),
    ("glance_store._drivers.http:Store", "http"),
];

impl OptionValue for StoreNames {
    const ACCEPTS: &'static str = "a list of stores, separated by commas";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut names: Vec<String> = Vec::new();
        for item in Vec::<String>::parse(text)? {
            let class = CLASSES.iter().find(|(class, _)| *class == item);
            let name = class.map_or(item.as_str(), |(_, name)| name);
            let name = if name == "filesystem" { "file" } else { name };
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Self(names))
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.join(",")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(texts: &[&str]) -> Result<DataDirs, Option<String>> {
        DataDirs::parse_all(
            &texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn fills_the_highest_priority_first() {
        let config = StoreConfig {
            filesystem_store_datadirs: dirs(&["/a:10", "/b:200", "/c", "/d:10"]).unwrap(),
            ..Default::default()
        };
        let paths: Vec<_> = config.data_dirs().into_iter().map(|dir| dir.path).collect();
        assert_eq!(paths, ["/b", "/a", "/d", "/c"].map(PathBuf::from));
        assert!(!config.is_ambiguous());
    }

    #[test]
    fn refuses_the_same_directory_twice() {
        assert_eq!(
            dirs(&["/a:1", "/a:2"]).unwrap_err().as_deref(),
            Some("/a is given twice")
        );
        assert!(dirs(&["/a:high"]).is_err());
        assert!(dirs(&[":3"]).is_err());
    }

    #[test]
    fn reads_modes_as_octal() {
        let mode = |text| FilePermissions::parse(text).map(FilePermissions::mode);
        assert_eq!(mode("0"), Ok(None));
        assert_eq!(mode("0640"), Ok(Some(0o640)));
        assert_eq!(mode("640"), Ok(Some(0o640)));
        assert!(mode("0040").is_err());
        assert!(mode("999").is_err());
    }

    #[test]
    fn knows_stores_by_their_old_class_names() {
        let names = StoreNames::parse("glance.store.filesystem.Store, glance.store.s3.Store,file");
        assert_eq!(names.unwrap().0, ["file", "s3"]);
    }
}
