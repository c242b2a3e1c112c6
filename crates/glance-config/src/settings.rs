//! The merged layers: what every option was set to, where, and what `$name` in it means.

use std::collections::HashMap;

use config::{Config, ConfigBuilder, Source, Value, builder::DefaultState};

use crate::catalog::normal_section;
use crate::error::ConfigError;
use crate::layer::{Layer, ROOT};
use crate::option::OptionSpec;
use crate::program::Program;
use crate::value::OptionValue;

/// How deep `$name` may lead to values with another `$name`.
const DEPTH: usize = 16;

/// Everything that was set, and the defaults for the sake of `$name`.
pub(crate) struct Settings {
    set: HashMap<(String, String), Setting>,
    defaults: HashMap<(String, String), Vec<String>>,
}

struct Setting {
    texts: Vec<String>,
    origin: String,
}

impl Settings {
    /// Merges `layers`, of which a later one wins over those before it.
    pub(crate) fn merge<P: Program>(
        layers: impl IntoIterator<Item = Layer>,
    ) -> Result<Self, ConfigError> {
        let builder: ConfigBuilder<DefaultState> = Config::builder();
        let builder = layers
            .into_iter()
            .fold(builder, ConfigBuilder::<DefaultState>::add_source);
        let mut merged = builder.build()?.collect()?;
        let mut set = HashMap::new();
        let sections = merged
            .remove(ROOT)
            .map(Value::into_table)
            .transpose()?
            .unwrap_or_default();
        for (section, options) in sections {
            for (name, value) in options.into_table()? {
                let origin = value.origin().unwrap_or_default().to_owned();
                let texts = value.into_array()?.into_iter().map(Value::into_string);
                let texts = texts.collect::<Result<_, _>>()?;
                set.insert((section.clone(), name), Setting { texts, origin });
            }
        }
        let defaults = P::defaults().into_iter().map(|shown| {
            (
                (
                    normal_section(shown.spec.section),
                    shown.spec.name.to_owned(),
                ),
                shown.lines,
            )
        });
        Ok(Self {
            set,
            defaults: defaults.collect(),
        })
    }

    /// The value that `spec` was set to, if it was set.
    ///
    /// # Errors
    ///
    /// The value is not acceptable.
    pub(crate) fn read<T: OptionValue>(&self, spec: &OptionSpec) -> Result<Option<T>, ConfigError> {
        let section = normal_section(spec.section);
        let Some(setting) = self.set.get(&(section.clone(), spec.name.to_owned())) else {
            return Ok(None);
        };
        let refused = |reason: String| ConfigError::Value {
            origin: setting.origin.clone(),
            section: spec.section.to_owned(),
            option: spec.name.to_owned(),
            reason,
        };
        let texts = setting
            .texts
            .iter()
            .map(|text| self.substituted(text, &section, DEPTH));
        let texts: Vec<String> = texts.collect::<Result<_, _>>().map_err(refused)?;
        T::parse_all(&texts).map(Some).map_err(|why| {
            // What stands in the file is shown, not what it refers to, which may be a secret.
            let written = setting.texts.last().map_or("", String::as_str);
            let value = if spec.secret {
                "the value".to_owned()
            } else {
                format!("{written:?}")
            };
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            refused(format!(
                "{value} cannot be used{why}; accepted: {}",
                spec.accepts
            ))
        })
    }

    /// Replaces `$name`, `${name}` and `$section.name` as oslo.config does; `$$` and `\$` are a
    /// dollar sign, and so is a `$` that no name follows.
    fn substituted(&self, text: &str, section: &str, depth: usize) -> Result<String, String> {
        let text = text.replace("\\$", "$$");
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = reference(after) else {
                out.push('$');
                rest = after;
                continue;
            };
            out.push_str(&self.referred(name, section, depth)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The value of the option that `$name` in `section` refers to.
    fn referred(&self, name: &str, section: &str, depth: usize) -> Result<String, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("${name} refers to itself"));
        };
        let named = name
            .split_once('.')
            .map(|(section, name)| (normal_section(section), name.to_owned()));
        let places = [
            named,
            Some((section.to_owned(), name.to_owned())),
            Some(("DEFAULT".to_owned(), name.to_owned())),
        ];
        for key in places.into_iter().flatten() {
            if let Some(setting) = self.set.get(&key) {
                let text = setting.texts.last().map_or("", String::as_str);
                return self.substituted(text, &key.0, depth);
            }
            if let Some(lines) = self.defaults.get(&key) {
                return Ok(lines.last().cloned().unwrap_or_default());
            }
        }
        Err(format!(
            "${name} refers to no option (write $$ for a dollar sign)"
        ))
    }
}

/// The name that follows a dollar sign, in braces or not, and what stands after it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let inner = braced.unwrap_or(text);
    let end = inner
        .find(|character: char| !(character.is_ascii_alphanumeric() || "_.".contains(character)))
        .unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    let starts = |character: char| character.is_ascii_alphabetic() || character == '_';
    if !name.starts_with(starts) {
        return None;
    }
    match braced {
        Some(_) => rest.strip_prefix('}').map(|rest| (name, rest)),
        None => Some((name, rest)),
    }
}
