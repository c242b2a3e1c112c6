//! The policy and the property protection in force: read from their files, and again on reload.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use glance_config::{ApiConfig, RuleFormat, locate};
use glance_core::policy::{PolicyError, Rules};
use glance_core::protection::{self, ProtectionError, Protections};
use thiserror::Error;

/// Why rules cannot be used. The text names the file and, where there is one, the line.
#[derive(Debug, Error)]
pub enum RulesError {
    /// A file that the configuration names is not there or cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A policy file is wrong.
    #[error("{}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: PolicyError,
    },
    /// The property protection file is wrong.
    #[error("{}", path.display())]
    Protection {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: ProtectionError,
    },
}

/// What callers may do, and with which properties.
#[derive(Debug)]
pub struct RuleBook {
    /// The policy.
    pub policy: Rules,
    /// Which properties are for whom; none: no property is protected.
    pub protections: Option<Protections>,
}

/// The rules as they are now.
#[derive(Debug)]
pub struct LiveRules(RwLock<Arc<RuleBook>>);

impl LiveRules {
    /// Reads the files that `config`, read from `beside`, names.
    pub fn load(config: &ApiConfig, beside: &Path) -> Result<Self, RulesError> {
        Ok(Self(RwLock::new(Arc::new(RuleBook::load(config, beside)?))))
    }

    /// Reads them again. After an error the old rules stay.
    pub fn reload(&self, config: &ApiConfig, beside: &Path) -> Result<(), RulesError> {
        let book = Arc::new(RuleBook::load(config, beside)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = book;
        Ok(())
    }

    /// The rules for one request.
    pub fn current(&self) -> Arc<RuleBook> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl RuleBook {
    fn load(config: &ApiConfig, beside: &Path) -> Result<Self, RulesError> {
        let policy = policy(config, beside)?;
        for warning in policy.warnings() {
            log::warn!("policy: {warning}");
        }
        let options = &config.property_protection;
        let protections = match &options.property_protection_file {
            Some(file) => {
                let path = locate::companion(file, beside).unwrap_or_else(|| file.clone());
                let format = match options.property_protection_rule_format {
                    RuleFormat::Roles => protection::RuleFormat::Roles,
                    RuleFormat::Policies => protection::RuleFormat::Policies,
                };
                let parsed = Protections::parse(&read(&path)?, format);
                Some(parsed.map_err(|source| RulesError::Protection { path, source })?)
            }
            None => None,
        };
        Ok(Self {
            policy,
            protections,
        })
    }
}

/// The rules of the policy file, or Glance's own where there is none, overlaid by the files of the
/// policy directories. As in Glance, a rule that the file lacks falls to the file's default rule.
fn policy(config: &ApiConfig, beside: &Path) -> Result<Rules, RulesError> {
    let options = &config.policy;
    let mut rules = match locate::companion(&options.policy_file, beside) {
        Some(path) => parse(path)?,
        None if options.policy_file == Path::new("policy.json") => Rules::with_glance_defaults(),
        None => {
            let path = options.policy_file.clone();
            let source = io::ErrorKind::NotFound.into();
            return Err(RulesError::Unreadable { path, source });
        }
    };
    for directory in &options.policy_dirs.0 {
        let Some(directory) = locate::companion(directory, beside) else {
            continue;
        };
        for path in files(&directory)? {
            rules.extend(parse(path)?);
        }
    }
    Ok(rules.with_default_rule(&options.policy_default_rule))
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let unreadable = |source| RulesError::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
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

fn parse(path: PathBuf) -> Result<Rules, RulesError> {
    let text = read(&path)?;
    Rules::parse(&text).map_err(|source| RulesError::Policy { path, source })
}

fn read(path: &Path) -> Result<String, RulesError> {
    fs::read_to_string(path).map_err(|source| RulesError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
