//! One source of options (a file, the environment, the command line), for the `config` crate.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use config::{ConfigError, Map, Source, Value, ValueKind};

use crate::catalog::{Catalog, Meaning, normal_name, normal_section};
use crate::ini::Entry;
use crate::warning::Warning;

/// Environment variables that begin like options and are none.
const RESERVED: [&str; 2] = [crate::ready::VARIABLE, crate::ready::DETACH];

/// Variables of Glance's that are not named after their options.
const RENAMED: [(&str, &str); 3] = [
    ("client_ca_file", "registry_client_ca_file"),
    ("client_cert_file", "registry_client_cert_file"),
    ("client_key_file", "registry_client_key_file"),
];

/// The key under which all sections lie, so that the `config` crate does not take a section's or
/// an option's name for a path expression.
pub(crate) const ROOT: &str = "options";

/// Values under their present names, each with where it was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    values: HashMap<(String, String), Written>,
}

/// The lines of one option, and where the last of them stands.
#[derive(Clone)]
struct Written {
    texts: Vec<String>,
    origin: String,
}

/// Values may be secrets.
impl std::fmt::Debug for Written {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.origin)
    }
}

/// An assignment and where it stands.
struct Assignment {
    section: String,
    name: String,
    text: String,
    origin: String,
}

impl Layer {
    /// The options of a file, with repeated ones kept.
    pub(crate) fn of_file(
        path: &Path,
        entries: Vec<Entry>,
        catalog: &Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let assignments = entries.into_iter().map(|entry| Assignment {
            section: entry.section,
            name: entry.name,
            text: entry.value,
            origin: format!("{}, line {}", path.display(), entry.line),
        });
        Self::new(assignments, catalog, warnings)
    }

    /// The options among environment variables: `GLANCE_BIND_PORT` for `[DEFAULT] bind_port`,
    /// `GLANCE_DATABASE__CONNECTION` for `[database] connection`.
    pub(crate) fn of_environment(
        variables: impl Iterator<Item = (String, String)>,
        catalog: &Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let assignments = variables.filter_map(|(variable, text)| {
            if RESERVED.contains(&variable.as_str()) {
                return None;
            }
            let name = variable.strip_prefix("GLANCE_")?.to_ascii_lowercase();
            let renamed = RENAMED.iter().find(|(glances, _)| *glances == name);
            let name = renamed.map_or(name.as_str(), |(_, option)| option);
            let (section, name) = name.split_once("__").unwrap_or(("DEFAULT", name));
            Some(Assignment {
                section: section.to_owned(),
                name: name.to_owned(),
                text,
                origin: format!("environment variable {variable}"),
            })
        });
        Self::new(assignments, catalog, warnings)
    }

    /// The options of `[DEFAULT]` that a command line set: name, value, and the flag used.
    pub(crate) fn of_command_line(
        overrides: &[crate::args::Override],
        catalog: &Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let assignments = overrides.iter().map(|given| Assignment {
            section: "DEFAULT".to_owned(),
            name: given.option.to_owned(),
            text: given.value.clone(),
            origin: format!("command line {}", given.flag),
        });
        Self::new(assignments, catalog, warnings)
    }

    fn new(
        assignments: impl Iterator<Item = Assignment>,
        catalog: &Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        // An option may stand under several of its names; the present one wins, as in oslo.
        let mut ranked: HashMap<(String, String), BTreeMap<usize, Written>> = HashMap::new();
        for Assignment {
            section,
            name,
            text,
            origin,
        } in assignments
        {
            let mut key = (normal_section(&section), normal_name(&name));
            let mut place = 0;
            match catalog.meaning(&section, &name) {
                Meaning::Option { spec, rank } => {
                    key = (normal_section(spec.section), spec.name.to_owned());
                    place = rank;
                }
                Meaning::Unsupported => {
                    let option = format!("[{section}] {name}");
                    let again = |known: &Warning| matches!(known, Warning::Unsupported { option: other, .. } if *other == option);
                    if !warnings.iter().any(again) {
                        warnings.push(Warning::Unsupported {
                            origin: origin.clone(),
                            option,
                        });
                    }
                }
                Meaning::Unknown { nearest } => {
                    let option = format!("[{section}] {name}");
                    let again = |known: &Warning| matches!(known, Warning::Unknown { option: other, .. } if *other == option);
                    if !warnings.iter().any(again) {
                        warnings.push(Warning::Unknown {
                            origin: origin.clone(),
                            option,
                            nearest,
                        });
                    }
                }
            }
            let names = ranked.entry(key).or_default();
            let written = names.entry(place).or_insert_with(|| Written {
                texts: Vec::new(),
                origin: String::new(),
            });
            written.texts.push(text);
            written.origin = origin;
        }
        let first = |names: BTreeMap<usize, Written>| names.into_values().next();
        let values = ranked
            .into_iter()
            .filter_map(|(key, names)| Some((key, first(names)?)));
        Self {
            values: values.collect(),
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut sections: Map<String, Map<String, Value>> = Map::new();
        for ((section, name), Written { texts, origin }) in &self.values {
            let texts = texts
                .iter()
                .map(|text| Value::new(Some(origin), text.as_str()));
            let value = Value::new(Some(origin), ValueKind::Array(texts.collect()));
            sections
                .entry(section.clone())
                .or_default()
                .insert(name.clone(), value);
        }
        let sections: Map<String, Value> = sections
            .into_iter()
            .map(|(name, table)| (name, Value::from(table)))
            .collect();
        Ok(Map::from_iter([(ROOT.to_owned(), Value::from(sections))]))
    }
}
