//! Property protection: who may create, read, update and delete which property of an image.
//!
//! The rules come from a file of sections, each a regular expression for names of properties; the
//! first section that matches decides. This comes on top of [`policy`](crate::policy).

mod sections;

use regex_lite::Regex;
use thiserror::Error;

use crate::identity::Identity;
use crate::policy::{Rules, Target, shown};
use sections::{Section, SectionOption};

/// What the rules in the file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleFormat {
    /// Roles, separated by commas.
    Roles,
    /// One rule of the policy file.
    Policies,
}

/// What is done to a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An image gets a property that it did not have.
    Create,
    /// The property is shown.
    Read,
    /// The property gets another value.
    Update,
    /// The property is taken away.
    Delete,
}

/// Their names in the file, in the order of their numbers.
const OPERATIONS: [(Operation, &str); 4] = [
    (Operation::Create, "create"),
    (Operation::Read, "read"),
    (Operation::Update, "update"),
    (Operation::Delete, "delete"),
];

/// Why a text is no set of protections. Glance does not start then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct ProtectionError {
    /// Line of the text, from 1.
    pub line: usize,
    /// What is wrong with it, for the operator.
    pub reason: String,
}

impl ProtectionError {
    fn at(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

/// Which properties are for whom.
#[derive(Clone, Debug)]
pub struct Protections {
    rules: Vec<Protection>,
    warnings: Vec<String>,
}

#[derive(Clone, Debug)]
struct Protection {
    properties: Regex,
    permissions: [Permission; 4],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Permission {
    Everybody,
    Nobody,
    Roles(Vec<String>),
    Policy(String),
}

impl Protections {
    /// Parses a file of protections.
    ///
    /// # Errors
    /// The first thing that is wrong: what is no section and no option, sections or options written
    /// twice, a section that is no regular expression (those that look around or back are none
    /// here), `@` and `!` together, several policies for one operation.
    pub fn parse(text: &str, format: RuleFormat) -> Result<Self, ProtectionError> {
        let mut sections = sections::read(text)?;
        // As in any file that ConfigParser reads: what other sections leave out, this one says.
        let defaults = sections
            .iter()
            .position(|section| section.name == "DEFAULT");
        let defaults = defaults.map(|at| sections.remove(at));
        let mut warnings = Vec::new();
        let mut rules = Vec::with_capacity(sections.len());
        for section in &sections {
            let mut permissions = [const { Permission::Nobody }; 4];
            for ((_, name), permission) in OPERATIONS.iter().zip(&mut permissions) {
                let default = || defaults.as_ref().and_then(|defaults| defaults.option(name));
                let option = section.option(name).or_else(default);
                match option.filter(|option| !option.value.is_empty()) {
                    Some(option) => *permission = read_permission(option, format)?,
                    None => warnings.push(format!(
                        "line {}: section {} says nothing of {name}: nobody may",
                        section.line,
                        shown(section.name)
                    )),
                }
            }
            rules.push(Protection {
                properties: compile(section)?,
                permissions,
            });
        }
        Ok(Self { rules, warnings })
    }

    /// What is suspicious but no error, with lines: operations that a section says nothing of.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether `caller` may do `operation` to the property of this name; `policies` are the rules
    /// that [`RuleFormat::Policies`] names.
    ///
    /// Nobody may where no section matches. Everybody may where there is no section at all. Being an
    /// administrator helps nobody here: only roles and rules count.
    pub fn allows(
        &self,
        property: &str,
        operation: Operation,
        caller: &Identity,
        policies: &Rules,
    ) -> bool {
        if self.rules.is_empty() {
            return true;
        }
        // Glance searches, so an expression without `^` matches within a name too.
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.properties.is_match(property));
        match rule.map(|rule| &rule.permissions[operation as usize]) {
            None | Some(Permission::Nobody) => false,
            Some(Permission::Everybody) => true,
            Some(Permission::Roles(roles)) => roles.iter().any(|role| caller.has_role(role)),
            Some(Permission::Policy(rule)) => policies.allows(rule, caller, &Target::Nothing),
        }
    }
}

fn read_permission(
    option: &SectionOption,
    format: RuleFormat,
) -> Result<Permission, ProtectionError> {
    let names: Vec<&str> = option.value.split(',').map(str::trim).collect();
    let (everybody, nobody) = (names.contains(&"@"), names.contains(&"!"));
    if format == RuleFormat::Policies && names.len() > 1 {
        let reason = "several policies for one operation: make one of them in the policy file";
        return Err(ProtectionError::at(option.line, reason));
    }
    if everybody && nobody {
        return Err(ProtectionError::at(
            option.line,
            "\"@\" and \"!\" exclude each other",
        ));
    }
    // Beside other names, each of the two decides alone.
    Ok(match format {
        _ if nobody => Permission::Nobody,
        _ if everybody => Permission::Everybody,
        RuleFormat::Roles => Permission::Roles(names.into_iter().map(str::to_owned).collect()),
        RuleFormat::Policies => Permission::Policy(option.value.clone()),
    })
}

fn compile(section: &Section<'_>) -> Result<Regex, ProtectionError> {
    Regex::new(&section.name.replace(r"\Z", r"\z")).map_err(|error| {
        let open = section.name.contains('[');
        let hint = if open {
            " (a section ends at its first ], so it cannot have [classes])"
        } else {
            ""
        };
        let reason = format!(
            "{} is no regular expression: {error}{hint}",
            shown(section.name)
        );
        ProtectionError::at(section.line, reason)
    })
}

#[cfg(test)]
mod tests;
