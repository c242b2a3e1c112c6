//! Where configuration files are looked for.

use std::path::{Path, PathBuf};

use crate::error::ConfigError;

/// The directories in which a configuration file is looked for, in this order (Glance's manual,
/// "Configuring and Controlling Glance Servers").
fn directories(home: Option<&Path>) -> Vec<PathBuf> {
    let mut directories = vec![PathBuf::from(".")];
    if let Some(home) = home {
        directories.push(home.join(".glance"));
        directories.push(home.to_owned());
    }
    directories.push(PathBuf::from("/etc/glance"));
    directories.push(PathBuf::from("/etc"));
    directories
}

/// The caller's home directory, as `$HOME` says.
fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
}

/// The names of the files that serve `program`.
fn names(program: &str) -> Vec<String> {
    // glance-manage has no file of its own in most installations: it works for glance-registry, or, as
    // Glance's, from what glance-api is told of the database.
    let others: &[&str] = if program == "glance-manage" {
        &["glance-registry", "glance-api"]
    } else {
        &[]
    };
    let programs = std::iter::once(program)
        .chain(others.iter().copied())
        .chain(["glance"]);
    programs.map(|name| format!("{name}.conf")).collect()
}

/// The file that `program` reads when none is named: the first of `PROGRAM.conf` and `glance.conf`
/// in `.`, `~/.glance`, `~`, `/etc/glance` and `/etc`.
///
/// # Errors
///
/// There is none of them.
pub fn configuration(program: &str) -> Result<PathBuf, ConfigError> {
    first(&directories(home().as_deref()), program)
}

fn first(directories: &[PathBuf], program: &str) -> Result<PathBuf, ConfigError> {
    let names = names(program);
    directories
        .iter()
        .flat_map(|directory| names.iter().map(|name| directory.join(name)))
        .find(|path| path.is_file())
        .ok_or_else(|| ConfigError::NoFile {
            program: program.to_owned(),
        })
}

/// Finds a file or directory that an option names, such as `policy_file`: an absolute name is
/// itself; a relative one is looked for beside the configuration file `beside`, in `~/.glance`,
/// `~`, `/etc/glance` and `/etc`, as oslo does. `None` if it is nowhere.
pub fn companion(name: &Path, beside: &Path) -> Option<PathBuf> {
    let parent = beside
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    // The current directory counts for configuration files only.
    let others = directories(home().as_deref()).into_iter().skip(1);
    std::iter::once(parent.to_owned())
        .chain(others)
        .map(|directory| directory.join(name))
        .find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn takes_the_first_place_and_the_programs_own_name_first() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let hidden = home.join(".glance");
        fs::create_dir_all(&hidden).unwrap();
        let places = [root.path().join("here"), hidden.clone(), home.clone()];
        let found = || first(&places, "glance-api").ok();
        assert_eq!(found(), None);
        for path in [
            home.join("glance.conf"),
            home.join("glance-api.conf"),
            hidden.join("glance.conf"),
            hidden.join("glance-api.conf"),
        ] {
            fs::write(&path, "").unwrap();
            assert_eq!(found(), Some(path));
        }
        let registry = first(&places, "glance-registry").unwrap();
        assert_eq!(registry, hidden.join("glance.conf"));
    }

    #[test]
    fn looks_where_the_manual_says() {
        let order = [".", "/h/.glance", "/h", "/etc/glance", "/etc"].map(PathBuf::from);
        assert_eq!(directories(Some(Path::new("/h"))), order);
    }

    #[test]
    fn says_so_in_the_manuals_words() {
        assert_eq!(
            first(&[], "glance-api").unwrap_err().to_string(),
            "Unable to locate any configuration file. Cannot load application glance-api"
        );
    }

    #[test]
    fn finds_companions_beside_the_file() {
        let root = tempfile::tempdir().unwrap();
        let policy = root.path().join("policy.json");
        fs::write(&policy, "{}").unwrap();
        let conf = root.path().join("glance-api.conf");
        assert_eq!(companion(Path::new("policy.json"), &conf), Some(policy));
        assert_eq!(companion(Path::new("no such file"), &conf), None);
    }
}
