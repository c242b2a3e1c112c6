//! Which options exist, under which names, and what a wrong name was meant to be.

use std::collections::HashMap;

use crate::api::ApiConfig;
use crate::nearest::nearest;
use crate::option::OptionSpec;
use crate::program::Program;
use crate::registry::RegistryConfig;
use crate::unsupported;

/// What a name in a configuration stands for.
pub(crate) enum Meaning {
    /// An option of ours. The rank is 0 for its present name, more for older ones: the lowest wins.
    Option {
        /// The option.
        spec: &'static OptionSpec,
        /// Which of its names it is.
        rank: usize,
    },
    /// An option of Glance that is not supported.
    Unsupported,
    /// Nothing that is known.
    Unknown {
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
}

/// The options of all programs: a file may serve several of them.
pub(crate) struct Catalog {
    names: HashMap<(String, String), (&'static OptionSpec, usize)>,
}

impl Catalog {
    /// The options of the daemons.
    pub(crate) fn new() -> Self {
        let mut names = HashMap::new();
        for spec in ApiConfig::specs()
            .into_iter()
            .chain(RegistryConfig::specs())
        {
            names.insert(
                (normal_section(spec.section), spec.name.to_owned()),
                (spec, 0),
            );
            for (rank, old) in (1..).zip(spec.old_names) {
                if let Some((section, name)) = old.split_once('/') {
                    names.insert((normal_section(section), normal_name(name)), (spec, rank));
                }
            }
        }
        Self { names }
    }

    /// What `name` in `section` stands for.
    pub(crate) fn meaning(&self, section: &str, name: &str) -> Meaning {
        let key = (normal_section(section), normal_name(name));
        if let Some((spec, rank)) = self.names.get(&key) {
            return Meaning::Option { spec, rank: *rank };
        }
        if unsupported::is_known(&key.0, &key.1) {
            return Meaning::Unsupported;
        }
        Meaning::Unknown {
            nearest: self.nearest(&key.0, &key.1),
        }
    }

    /// The same name in another section, else the most similar name of the section, else of all.
    fn nearest(&self, section: &str, name: &str) -> Option<String> {
        let specs = || {
            self.names
                .values()
                .filter(|(_, rank)| *rank == 0)
                .map(|(spec, _)| *spec)
        };
        let here = specs().filter(|spec| normal_section(spec.section) == section);
        let full = |spec: &OptionSpec| format!("[{}] {}", spec.section, spec.name);
        let elsewhere = || specs().find(|spec| spec.name == name).map(full);
        let names: Vec<&str> = here.map(|spec| spec.name).collect();
        let similar = |names: &[&str]| nearest(name, names).map(str::to_owned);
        elsewhere().or_else(|| similar(&names)).or_else(|| {
            let names: Vec<&str> = specs().map(|spec| spec.name).collect();
            let found = similar(&names)?;
            specs().find(|spec| spec.name == found).map(full)
        })
    }
}

/// Section names are compared in any case, as oslo does; `DEFAULT` stays large.
pub(crate) fn normal_section(section: &str) -> String {
    let section = section.trim();
    if section.eq_ignore_ascii_case("DEFAULT") {
        return "DEFAULT".to_owned();
    }
    section.to_ascii_lowercase()
}

/// Dashes and underscores in an option's name are the same; case is not.
pub(crate) fn normal_name(name: &str) -> String {
    name.replace('-', "_")
}
