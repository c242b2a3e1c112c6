//! The policy and the property protection in force: read from their files, and again when these
//! change or somebody asks for it. Both daemons have them.

mod files;
mod live;

use std::io;
use std::path::PathBuf;

use glance_core::policy::{PolicyError, Rules};
use glance_core::protection::{self, ProtectionError, Protections};
use thiserror::Error;

use crate::policy::RuleFormat;
pub use files::RuleSources;
use files::{RuleTexts, Text};
pub use live::LiveRules;

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
    /// The policy file was there, and is not any more.
    #[error("{} is gone", .0.display())]
    Gone(PathBuf),
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

impl RuleBook {
    fn parse(texts: &RuleTexts, sources: &RuleSources) -> Result<Self, RulesError> {
        let policy = policy(texts, &sources.policy.policy_default_rule)?;
        for warning in policy.warnings() {
            ::log::warn!("policy: {warning}");
        }
        let format = match sources.protection.property_protection_rule_format {
            RuleFormat::Roles => protection::RuleFormat::Roles,
            RuleFormat::Policies => protection::RuleFormat::Policies,
        };
        let parse = |Text { path, text }: &Text| {
            Protections::parse(text, format).map_err(|source| RulesError::Protection {
                path: path.clone(),
                source,
            })
        };
        Ok(Self {
            policy,
            protections: texts.protection.as_ref().map(parse).transpose()?,
        })
    }
}

/// The rules of the policy file, or Glance's own where there is none, overlaid by the files of the
/// policy directories. As in Glance, a rule that the file lacks falls to the file's default rule.
fn policy(texts: &RuleTexts, default_rule: &str) -> Result<Rules, RulesError> {
    let parse = |Text { path, text }: &Text| {
        Rules::parse(text).map_err(|source| RulesError::Policy {
            path: path.clone(),
            source,
        })
    };
    let mut rules = match &texts.policy {
        Some(text) => parse(text)?,
        None => Rules::with_glance_defaults(),
    };
    for text in &texts.overlays {
        rules.extend(parse(text)?);
    }
    Ok(rules.with_default_rule(default_rule))
}
