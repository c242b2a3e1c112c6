//! Who may use which call: the rules of `policy.json` and `policy.yaml`, in oslo.policy's language.
//!
//! Which images a caller sees and changes is not decided here but in [`access`](crate::access);
//! finding, reading and re-reading the files is the daemons' business.

mod check;
mod document;
mod language;
mod references;
mod target;
mod template;
mod yaml;
mod yaml_lines;

use std::collections::HashMap;

use thiserror::Error;

pub use target::Target;

use crate::identity::Identity;
use check::{Check, Scene};
use document::{Entry, Shape};

/// The rules that Glance 15 ships; `etc/policy.json` is the same text.
const SHIPPED: &str = include_str!("../../../../etc/policy.json");

/// Why a text is no set of rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct PolicyError {
    /// Line of the text, from 1.
    pub line: usize,
    /// What is wrong with it, for the operator.
    pub reason: String,
}

/// Rules by name.
#[derive(Clone, Debug)]
pub struct Rules {
    checks: HashMap<String, Check>,
    default_rule: String,
    repeated: Vec<String>,
}

impl Rules {
    /// Parses a file of rules, JSON or the part of YAML that such files are written in (see
    /// [`Rules::parse_yaml`]): a text whose first character is `{` is JSON.
    ///
    /// # Errors
    /// The first thing that is wrong. oslo.policy goes on with a rule that it cannot parse and lets
    /// nobody pass; here it is an error, so that an operator learns of it before the callers do.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.trim_start().starts_with('{') {
            return Self::parse_json(text);
        }
        Self::parse_yaml(text)
    }

    /// Parses an object whose members are checks: strings, or lists of lists of strings.
    ///
    /// # Errors
    /// As [`Rules::parse`].
    pub fn parse_json(text: &str) -> Result<Self, PolicyError> {
        Self::from_entries(document::read_json(text)?)
    }

    /// Parses lines of the form `"rule": "check"`.
    ///
    /// Comments, plain, quoted and block scalars, over several lines too, `[flow, lists]` and lists
    /// of `- items` are understood; what else YAML has (anchors, tags, nested mappings) is refused
    /// by name.
    ///
    /// # Errors
    /// As [`Rules::parse`].
    pub fn parse_yaml(text: &str) -> Result<Self, PolicyError> {
        Self::from_entries(yaml::read(text)?)
    }

    /// The rules that Glance 15 ships: everybody may use every call but publish an image and
    /// manage the cache, which the role `admin` may; what has no rule is for the role `admin`.
    #[allow(clippy::expect_used)]
    pub fn with_glance_defaults() -> Self {
        Self::parse_json(SHIPPED).expect("the shipped rules parse: a test holds them to it")
    }

    /// Names the rule that decides where there is none (`policy_default_rule`; `default` unless
    /// said otherwise). An empty name, or that of a rule that does not exist: nobody passes.
    pub fn with_default_rule(mut self, name: impl Into<String>) -> Self {
        self.default_rule = name.into();
        self
    }

    /// Adds the rules of `other`, which win over those of the same name: how `policy_dirs` work.
    pub fn extend(&mut self, other: Self) {
        self.checks.extend(other.checks);
        self.repeated.extend(other.repeated);
    }

    /// Whether `rule` lets `caller` do it to `target`.
    ///
    /// Nobody passes where neither the rule nor the default rule exists, nor where the rule cannot
    /// be decided because it refers to itself (Glance answers 500 there).
    pub fn allows(&self, rule: &str, caller: &Identity, target: &Target<'_>) -> bool {
        Scene::new(self, caller, target).decide(rule)
    }

    /// Whether the rule `context_is_admin` makes an administrator of `caller`; its target is the
    /// caller itself, as in Glance. The configured `admin_role` comes on top of this.
    pub fn makes_admin(&self, caller: &Identity) -> bool {
        self.allows("context_is_admin", caller, &Target::Caller(caller))
    }

    /// What is suspicious but no error: rules written twice (the last wins), references to rules
    /// that do not exist, rules that refer to themselves and credentials that no caller has.
    pub fn warnings(&self) -> Vec<String> {
        let repeated = self.repeated.iter();
        let mut warnings: Vec<String> = repeated
            .map(|name| format!("rule {name:?} is there twice; the last one counts"))
            .collect();
        warnings.extend(references::warnings(&self.checks));
        warnings
    }

    /// The check that decides about `rule`.
    fn find(&self, rule: &str) -> Option<&Check> {
        self.checks
            .get(rule)
            .or_else(|| self.checks.get(&self.default_rule))
    }

    fn from_entries(entries: Vec<Entry>) -> Result<Self, PolicyError> {
        let mut checks = HashMap::with_capacity(entries.len());
        let mut repeated = Vec::new();
        for Entry { name, line, shape } in entries {
            let check = match &shape {
                Shape::Text(text) => language::parse(text),
                Shape::List(list) => language::parse_list(list),
            };
            let check = check.map_err(|reason| PolicyError {
                line,
                reason: format!("rule {}: {reason}", shown(&name)),
            })?;
            if checks.insert(name.clone(), check).is_some() {
                repeated.push(name);
            }
        }
        Ok(Self {
            checks,
            default_rule: "default".to_owned(),
            repeated,
        })
    }
}

/// `text` in quotes, short and without control characters, to be shown in a reason.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;
