//! A rule as a tree of checks, and how it is decided.

use std::cell::Cell;

use super::target::{Credential, Target};
use super::template::Template;
use super::{Rules, shown};
use crate::identity::Identity;

/// One node of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `@`, and the empty rule.
    Always,
    /// `!`.
    Never,
    /// `not x`.
    Not(Box<Check>),
    /// `x and y`.
    All(Vec<Check>),
    /// `x or y`.
    Any(Vec<Check>),
    /// `rule:x`.
    Rule(String),
    /// `role:x`.
    Role(Template),
    /// `'text':x`: a constant, in Python's spelling, is the same as `x`.
    Constant { text: String, expected: Template },
    /// `key:x`: the caller's credential is the same as `x`.
    Credential { path: String, expected: Template },
}

/// A rule that cannot be decided. It is not `false`: `not` would turn that into permission.
#[derive(Debug)]
pub(super) struct Undecidable;

/// Nodes and references deeper than this are not followed. Deeper than any rule of people, and
/// far from the end of a thread's stack.
const DEEPEST: usize = 500;

/// Nodes looked at for one decision. `a: rule:b and rule:b`, `b: rule:c and rule:c` … doubles the
/// work with each line.
const MOST: u32 = 100_000;

/// One decision: the rules, who asks and about what.
pub(super) struct Scene<'a> {
    rules: &'a Rules,
    caller: &'a Identity,
    target: &'a Target<'a>,
    budget: Cell<u32>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(rules: &'a Rules, caller: &'a Identity, target: &'a Target<'a>) -> Self {
        Self {
            rules,
            caller,
            target,
            budget: Cell::new(MOST),
        }
    }

    /// Whether the rule of this name, or the default rule in its place, lets the caller pass.
    pub(super) fn decide(&self, rule: &str) -> bool {
        self.holds_rule(rule, 0).unwrap_or(false)
    }

    fn holds_rule(&self, rule: &str, depth: usize) -> Result<bool, Undecidable> {
        match self.rules.find(rule) {
            Some(check) => self.holds(check, depth),
            None => Ok(false),
        }
    }

    fn holds(&self, check: &Check, depth: usize) -> Result<bool, Undecidable> {
        let budget = self.budget.get().checked_sub(1).ok_or(Undecidable)?;
        self.budget.set(budget);
        if depth > DEEPEST {
            return Err(Undecidable);
        }
        match check {
            Check::Always => Ok(true),
            Check::Never => Ok(false),
            Check::Not(inner) => self.holds(inner, depth + 1).map(|holds| !holds),
            Check::All(checks) => {
                for check in checks {
                    if !self.holds(check, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Check::Any(checks) => {
                for check in checks {
                    if self.holds(check, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Check::Rule(name) => self.holds_rule(name, depth + 1),
            Check::Role(role) => Ok(role
                .fill(self.target)
                .is_some_and(|role| self.has_role(&role))),
            Check::Constant { text, expected } => Ok(expected
                .fill(self.target)
                .is_some_and(|expected| expected == text.as_str())),
            Check::Credential { path, expected } => match expected.fill(self.target) {
                Some(expected) => self.has_credential(path, &expected),
                None => Ok(false),
            },
        }
    }

    /// Roles are compared without regard to case, outside ASCII too.
    fn has_role(&self, role: &str) -> bool {
        if role.is_ascii() {
            return self.caller.has_role(role);
        }
        let role = role.to_lowercase();
        self.caller
            .roles
            .iter()
            .any(|held| held.to_lowercase() == role)
    }

    /// Credentials have no members: Python fails on `user.name`, so the rule is not decided.
    fn has_credential(&self, path: &str, expected: &str) -> Result<bool, Undecidable> {
        let (key, member) = match path.split_once('.') {
            Some((key, _)) => (key, true),
            None => (path, false),
        };
        match Credential::of(self.caller, key) {
            None => Ok(false),
            Some(Credential::List([])) => Ok(false),
            Some(_) if member => Err(Undecidable),
            Some(Credential::List(items)) => Ok(items.iter().any(|item| item == expected)),
            Some(Credential::One(value)) => Ok(value == expected),
        }
    }
}

impl Check {
    /// Calls `visit` for each rule and each credential that the check refers to.
    pub(super) fn visit<'a>(&'a self, visit: &mut impl FnMut(Reference<'a>)) {
        match self {
            Self::Not(inner) => inner.visit(visit),
            Self::All(checks) | Self::Any(checks) => {
                checks.iter().for_each(|check| check.visit(visit));
            }
            Self::Rule(name) => visit(Reference::Rule(name)),
            Self::Credential { path, .. } => visit(Reference::Credential(path)),
            Self::Always | Self::Never | Self::Role(_) | Self::Constant { .. } => {}
        }
    }

    /// `kind:match`, `@` or `!`.
    pub(super) fn parse(token: &str) -> Result<Self, String> {
        match token {
            "@" => return Ok(Self::Always),
            "!" => return Ok(Self::Never),
            _ => {}
        }
        let quoted = |quote| token.len() > 1 && token.starts_with(quote) && token.ends_with(quote);
        if quoted('"') || quoted('\'') {
            return Err(format!("{} is quoted text, not a check", shown(token)));
        }
        let Some((kind, wanted)) = token.split_once(':') else {
            return Err(format!("{} is no check: it has no colon", shown(token)));
        };
        match kind {
            "rule" => return Ok(Self::Rule(wanted.to_owned())),
            "role" => return Template::parse(wanted).map(Self::Role),
            // oslo.policy would ask another server here, in the middle of a request.
            "http" | "https" => {
                return Err("checks by another server (http:) are not served".into());
            }
            "" => return Err(format!("{} has nothing before its colon", shown(token))),
            _ => {}
        }
        let expected = Template::parse(wanted)?;
        Ok(match constant(kind)? {
            Some(text) => Self::Constant { text, expected },
            None => Self::Credential {
                path: kind.to_owned(),
                expected,
            },
        })
    }
}

/// What a rule depends on.
pub(super) enum Reference<'a> {
    Rule(&'a str),
    Credential(&'a str),
}

/// `kind` as Python would print it if it is a literal of Python, which oslo.policy compares as it
/// is instead of looking for a credential of that name.
fn constant(kind: &str) -> Result<Option<String>, String> {
    if let Some(quote) = kind.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let inner = kind[1..].strip_suffix(quote);
        return match inner {
            Some(text) if !text.contains([quote, '\\']) => Ok(Some(text.to_owned())),
            _ => Err(format!("{} is no quoted text", shown(kind))),
        };
    }
    if matches!(kind, "True" | "False" | "None") {
        return Ok(Some(kind.to_owned()));
    }
    let digits = kind.strip_prefix('-').unwrap_or(kind);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    if let Ok(number) = kind.parse::<i128>() {
        return Ok(Some(number.to_string()));
    }
    if let Ok(number) = kind.parse::<f64>() {
        return Ok(Some(format!("{number:?}")));
    }
    Err(format!(
        "{} is neither a number nor a credential",
        shown(kind)
    ))
}
