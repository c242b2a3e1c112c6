//! The file that names Swift accounts, so that credentials stay out of the database.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use thiserror::Error;

use crate::ini;
use crate::secret::Secret;
use crate::swift::{SwiftAuthVersion, SwiftConfig};
use crate::value::OptionValue;

/// What a domain of Keystone is told by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SwiftDomain {
    /// Its id.
    Id(String),
    /// Its name.
    Name(String),
}

impl Default for SwiftDomain {
    fn default() -> Self {
        Self::Id("default".to_owned())
    }
}

/// An account, and how a token for it is had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwiftReference {
    /// account:user or project:user.
    pub user: Secret,
    /// The password.
    pub key: Secret,
    /// Where tokens are had, as written.
    pub auth_address: String,
    /// How.
    pub auth_version: SwiftAuthVersion,
    /// The user's domain.
    pub user_domain: SwiftDomain,
    /// The project's domain.
    pub project_domain: SwiftDomain,
}

/// Accounts by the names of their sections.
pub type SwiftReferences = BTreeMap<String, SwiftReference>;

/// Why a file of accounts cannot be used. Tells no value of it.
#[derive(Debug, Error)]
pub enum SwiftReferenceError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A line makes no sense.
    #[error("{path}, line {line}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A section is not what it has to be.
    #[error("{path}, section [{section}]: {reason}")]
    Section {
        /// The file.
        path: String,
        /// The section.
        section: String,
        /// What is wrong.
        reason: String,
    },
}

impl SwiftConfig {
    /// The accounts of the configuration: those of its file, or the one of its options if they are
    /// all there. Blocks to read the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read or understood, or lacks something.
    pub fn references(&self) -> Result<SwiftReferences, SwiftReferenceError> {
        if let Some(path) = &self.swift_store_config_file {
            return read(path, self.swift_store_auth_version);
        }
        let (Some(user), Some(key), Some(address)) = (
            &self.swift_store_user,
            &self.swift_store_key,
            &self.swift_store_auth_address,
        ) else {
            return Ok(SwiftReferences::new());
        };
        let reference = SwiftReference {
            user: user.clone(),
            key: key.clone(),
            auth_address: address.clone(),
            auth_version: self.swift_store_auth_version,
            user_domain: SwiftDomain::default(),
            project_domain: SwiftDomain::default(),
        };
        Ok([(self.default_swift_reference.clone(), reference)].into())
    }
}

fn read(path: &Path, version: SwiftAuthVersion) -> Result<SwiftReferences, SwiftReferenceError> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| SwiftReferenceError::Unreadable {
        path: shown(),
        source,
    })?;
    let entries = ini::parse(&text).map_err(|(line, reason)| SwiftReferenceError::Syntax {
        path: shown(),
        line,
        reason,
    })?;
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for entry in entries {
        let values = sections.entry(entry.section).or_default();
        // Python's ConfigParser, which read these files, does not tell cases apart.
        values.insert(entry.name.to_lowercase(), entry.value);
    }
    let common = sections.remove("DEFAULT").unwrap_or_default();
    sections
        .into_iter()
        .map(|(section, values)| {
            let mut all = common.clone();
            all.extend(values);
            let reference = reference(&all, version);
            match reference {
                Ok(reference) => Ok((section, reference)),
                Err(reason) => Err(SwiftReferenceError::Section {
                    path: shown(),
                    section,
                    reason,
                }),
            }
        })
        .collect()
}

fn reference(
    values: &BTreeMap<String, String>,
    version: SwiftAuthVersion,
) -> Result<SwiftReference, String> {
    let value = |name: &str| -> Result<Option<String>, String> {
        let written = values.get(name).map(String::as_str);
        let Some(written) = written.filter(|text| !text.is_empty() && *text != "None") else {
            return Ok(None);
        };
        if written.contains("%(") {
            return Err(format!(
                "{name} refers to another value, which is not supported"
            ));
        }
        // As Python's ConfigParser has it.
        Ok(Some(written.replace("%%", "%")))
    };
    let needed = |name: &str| value(name)?.ok_or_else(|| format!("{name} lacks"));
    // Glance takes the id 'default' even where a name is given; then a name would be of no use.
    let domain = |whose: &str| -> Result<SwiftDomain, String> {
        let id = value(&format!("{whose}_domain_id"))?;
        let name = value(&format!("{whose}_domain_name"))?;
        let name = name.map(SwiftDomain::Name);
        Ok(id.map(SwiftDomain::Id).or(name).unwrap_or_default())
    };
    let auth_version = match value("auth_version")? {
        Some(text) => SwiftAuthVersion::parse(&text)
            .map_err(|_| format!("auth_version must be {}", SwiftAuthVersion::ACCEPTS))?,
        None => version,
    };
    let reference = SwiftReference {
        user: Secret::new(needed("user")?),
        key: Secret::new(needed("key")?),
        auth_address: needed("auth_address")?,
        auth_version,
        user_domain: domain("user")?,
        project_domain: domain("project")?,
    };
    let colons = reference.user.reveal().matches(':').count();
    if auth_version != SwiftAuthVersion::V1 && colons != 1 {
        return Err("user must be project:user".to_owned());
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<SwiftReferences, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("swift.conf");
        fs::write(&path, text).unwrap();
        let config = SwiftConfig {
            swift_store_config_file: Some(path),
            ..Default::default()
        };
        config.references().map_err(|error| {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2"), "{text}");
            let dir = format!("{}/", dir.path().display());
            error.to_string().replace(&dir, "")
        })
    }

    #[test]
    fn reads_accounts_as_glance_does() {
        let references = load(
            "[DEFAULT]\nkey = hunter2\n[ref1]\nuser = tenant:user1\nauth_address = localhost:8080\n\
             [ref2]\nUSER = p:u:v\nkey = a%%b:c\nauth_version = 1\nauth_address=http://h/auth/v1.0\n\
             [ref3]\nuser = p:u\nauth_address = https://k/v3\nauth_version = 3\n\
             user_domain_name = Users\nproject_domain_id = pd\nproject_domain_name = ignored\n",
        )
        .unwrap();
        assert_eq!(references["ref1"].key.reveal(), "hunter2");
        assert_eq!(references["ref1"].auth_version, SwiftAuthVersion::V2);
        assert_eq!(references["ref1"].user_domain, SwiftDomain::default());
        assert_eq!(references["ref2"].key.reveal(), "a%b:c");
        assert_eq!(references["ref2"].auth_version, SwiftAuthVersion::V1);
        let third = &references["ref3"];
        assert_eq!(third.user_domain, SwiftDomain::Name("Users".to_owned()));
        assert_eq!(third.project_domain, SwiftDomain::Id("pd".to_owned()));
        assert_eq!(references.len(), 3);
        assert!(!format!("{references:?}").contains("hunter2"));
    }

    #[test]
    fn says_what_is_wrong_without_the_key() {
        for (text, expected) in [
            (
                "[a]\nuser = p:u\nkey = hunter2\n",
                "swift.conf, section [a]: auth_address lacks",
            ),
            (
                "[a]\nuser = p:u\nauth_address = h\n",
                "swift.conf, section [a]: key lacks",
            ),
            (
                "[a]\nuser = u\nkey = hunter2\nauth_address = h\n",
                "swift.conf, section [a]: user must be project:user",
            ),
            (
                "[a]\nuser = p:u\nkey = hunter2\nauth_address = h\nauth_version = 4\n",
                "swift.conf, section [a]: auth_version must be 1, 2 or 3",
            ),
            (
                "[a]\nkey = hunter2\nuser hunter2\n",
                "swift.conf, line 3: neither a [section], nor option = value, nor a # comment",
            ),
        ] {
            assert_eq!(load(text).unwrap_err(), expected);
        }
        let config = SwiftConfig {
            swift_store_config_file: Some("/nowhere/swift.conf".into()),
            ..Default::default()
        };
        let error = config.references().unwrap_err().to_string();
        assert_eq!(error, "/nowhere/swift.conf cannot be read");
    }
}
