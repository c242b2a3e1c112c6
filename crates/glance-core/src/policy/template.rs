//! The right side of a check: text with `%(key)s` in it, as Python's `%` operator fills it.

use std::borrow::Cow;

use super::shown;
use super::target::Target;

/// Text with places for what the target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Key(String),
}

impl Template {
    /// Understands `%(key)s` and `%%`; Python's other conversions have no use in rules.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let key = rest
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(")s"));
            let Some((key, after)) = key.filter(|(key, _)| !key.contains(['(', ')'])) else {
                return Err(format!(
                    "{} has a % that is neither %(key)s nor %%",
                    shown(text)
                ));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Key(key.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The text for `target`, or nothing when the target lacks one of the keys: then the check
    /// fails.
    pub(super) fn fill<'a>(&'a self, target: &'a Target<'_>) -> Option<Cow<'a, str>> {
        match self.0.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [Part::Text(text)] => Some(Cow::Borrowed(text)),
            [Part::Key(key)] => target.value(key),
            parts => {
                let mut filled = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => filled.push_str(text),
                        Part::Key(key) => filled.push_str(&target.value(key)?),
                    }
                }
                Some(Cow::Owned(filled))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn fills_what_the_target_has() {
        let caller = Identity {
            tenant: Some("t1".into()),
            ..Identity::default()
        };
        let target = Target::Caller(&caller);
        let fill = |text: &str| {
            let template = Template::parse(text).unwrap();
            template.fill(&target).map(Cow::into_owned)
        };
        assert_eq!(fill("x").as_deref(), Some("x"));
        assert_eq!(fill("").as_deref(), Some(""));
        assert_eq!(fill("%(tenant)s").as_deref(), Some("t1"));
        assert_eq!(
            fill("a-%(tenant)s-%%-%(is_admin)s").as_deref(),
            Some("a-t1-%-False")
        );
        assert_eq!(fill("%(user)s").as_deref(), Some("None"));
        assert_eq!(fill("%(nothing)s"), None);
        assert_eq!(fill("a%(nothing)s"), None);
    }

    #[test]
    fn refuses_other_conversions() {
        for text in ["%", "50%", "%s", "%(a)d", "%(a", "%()", "%(a)", "%((a)s"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
