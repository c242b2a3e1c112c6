//! What a set of rules refers to: finds references that lead nowhere or in a circle.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::check::{Check, Reference};
use super::target::Credential;

/// One sentence for each thing that is suspicious, in the order of the rules' names.
pub(super) fn warnings(checks: &HashMap<String, Check>) -> Vec<String> {
    let mut names: Vec<&str> = checks.keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut warnings = Vec::new();
    for name in &names {
        let (rules, credentials) = references(&checks[*name]);
        for rule in rules.into_iter().filter(|rule| !checks.contains_key(*rule)) {
            warnings.push(format!(
                "rule {name:?} refers to the rule {rule:?}, which does not exist"
            ));
        }
        for key in credentials
            .into_iter()
            .filter(|key| !Credential::exists(key))
        {
            warnings.push(format!(
                "rule {name:?} asks for the credential {key:?}, which no caller has"
            ));
        }
    }
    let circles = in_circles(checks, &names);
    warnings.extend(
        circles
            .iter()
            .map(|name| format!("rule {name:?} refers to itself in a circle")),
    );
    warnings
}

/// Names of rules, and names of credentials.
fn references(check: &Check) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut rules, mut credentials) = (BTreeSet::new(), BTreeSet::new());
    check.visit(&mut |reference| match reference {
        Reference::Rule(name) => drop(rules.insert(name)),
        Reference::Credential(path) => {
            credentials.insert(path.split_once('.').map_or(path, |(key, _)| key));
        }
    });
    (rules, credentials)
}

/// Rules that a walk along the references meets again while it is below them: at least one of each
/// circle. Each rule is walked once, and without recursion, however long the chains are.
fn in_circles<'a>(checks: &'a HashMap<String, Check>, names: &[&'a str]) -> BTreeSet<&'a str> {
    let mut done = HashSet::new();
    let mut circles = BTreeSet::new();
    for start in names {
        let mut above = HashSet::new();
        let mut stack = vec![Step::Enter(start)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Leave(name) => {
                    above.remove(name);
                    done.insert(name);
                }
                Step::Enter(name) if above.contains(name) => drop(circles.insert(name)),
                Step::Enter(name) if done.contains(name) => {}
                Step::Enter(name) => {
                    let Some(check) = checks.get(name) else {
                        continue;
                    };
                    above.insert(name);
                    stack.push(Step::Leave(name));
                    stack.extend(references(check).0.into_iter().map(Step::Enter));
                }
            }
        }
    }
    circles
}

enum Step<'a> {
    Enter(&'a str),
    Leave(&'a str),
}
