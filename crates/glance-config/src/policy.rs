//! Where the rules are that say who may do what.

use std::path::PathBuf;

use crate::value::OptionValue;

options! {
    /// Where the rules are that say who may do what.
    pub struct PolicyConfig in "oslo_policy" {
        /// The file of policy rules, in JSON or YAML. A relative name is looked for beside the
        /// configuration file, in ~/.glance, ~, /etc/glance and /etc. When the default name is
        /// nowhere to be found, Glance's own rules apply. A change of the file takes effect by
        /// itself within two seconds; one that cannot be used is named in the log, and the old
        /// rules stay.
        policy_file: PathBuf = "policy.json", live, was ["DEFAULT/policy_file"];
        /// The rule that decides where the file has none.
        policy_default_rule: String = "default", live, was ["DEFAULT/policy_default_rule"];
        /// Directories with further files of rules, read in the order of their names. Looked for
        /// like policy_file; a missing one is skipped.
        policy_dirs: Paths = "policy.d", live, was ["DEFAULT/policy_dirs"];
    }
}

/// Paths, one for each time that the option is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(pub Vec<PathBuf>);

impl OptionValue for Paths {
    const ACCEPTS: &'static str = "a path; may be given several times";
    const MULTIPLE: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Self::parse_all(&[text.to_owned()])
    }

    fn parse_all(texts: &[String]) -> Result<Self, Option<String>> {
        let paths = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| PathBuf::parse(text));
        paths.collect::<Result<_, _>>().map(Self)
    }

    fn shown(&self) -> Vec<String> {
        self.0.iter().flat_map(OptionValue::shown).collect()
    }
}

options! {
    /// Which properties of an image are for whom.
    pub struct PropertyProtectionConfig in "DEFAULT" {
        /// The file of rules that say who may create, read, update and delete which property.
        /// Unset: properties are not protected.
        property_protection_file: Option<PathBuf> = unset, live;
        /// What the rules in that file name: roles, or policies.
        property_protection_rule_format: RuleFormat = "roles", live;
    }
}

/// What the rules in a property protection file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleFormat {
    /// Roles of the caller.
    Roles,
    /// Rules of the policy file.
    Policies,
}

impl OptionValue for RuleFormat {
    const ACCEPTS: &'static str = "roles or policies";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "roles" => Ok(Self::Roles),
            "policies" => Ok(Self::Policies),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let name = match self {
            Self::Roles => "roles",
            Self::Policies => "policies",
        };
        vec![name.to_owned()]
    }
}
