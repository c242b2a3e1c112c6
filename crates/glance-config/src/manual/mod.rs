//! The configuration files and the manual that ship, made from the option table.

mod plankton;

use crate::api::ApiConfig;
use crate::option::{OptionSpec, Reload};
use crate::program::{Program, Shown};
use crate::registry::RegistryConfig;
use crate::unsupported;

pub use plankton::plankton_file;

/// The shipped `glance-api.conf`: every option, commented out, with its default.
pub fn api_file() -> String {
    file::<ApiConfig>()
}

/// The shipped `glance-registry.conf`, likewise.
pub fn registry_file() -> String {
    file::<RegistryConfig>()
}

/// The shipped `docs/CONFIGURATION.md`: every option of every program.
pub fn document() -> String {
    let mut out = String::from(include_str!("introduction.md"));
    for (section, options) in by_section(&all()) {
        out.push_str(&format!("\n## `[{section}]`\n"));
        for option in options {
            describe(&mut out, option);
        }
    }
    push_unsupported(&mut out);
    out
}

/// The options of both daemons; those of both with glance-api's defaults.
fn all() -> Vec<Shown> {
    let mut options = ApiConfig::defaults();
    let known: Vec<_> = options.iter().map(|shown| name(shown.spec)).collect();
    let registry = RegistryConfig::defaults().into_iter();
    options.extend(registry.filter(|shown| !known.contains(&name(shown.spec))));
    options
}

fn name(spec: &OptionSpec) -> (&'static str, &'static str) {
    (spec.section, spec.name)
}

/// The options in the order of their sections' first appearance.
fn by_section(options: &[Shown]) -> Vec<(&'static str, Vec<&Shown>)> {
    let mut sections: Vec<(&'static str, Vec<&Shown>)> = Vec::new();
    for option in options {
        match sections
            .iter_mut()
            .find(|(section, _)| *section == option.spec.section)
        {
            Some((_, options)) => options.push(option),
            None => sections.push((option.spec.section, vec![option])),
        }
    }
    sections
}

fn file<P: Program>() -> String {
    let mut out = format!(
        "# The configuration of {}. Every option is here, commented out, with its default.\n\
         # docs/CONFIGURATION.md says more.\n",
        P::NAME
    );
    for (section, options) in by_section(&P::defaults()) {
        out.push_str(&format!("\n[{section}]\n"));
        for option in options {
            push_default(&mut out, option);
        }
    }
    out
}

/// An option with its manual, commented out.
fn push_default(out: &mut String, Shown { spec, lines }: &Shown) {
    out.push('\n');
    for line in spec.doc {
        out.push_str(&format!("#{line}\n"));
    }
    out.push_str(&format!("# Accepted: {}.\n", spec.accepts));
    if spec.reload == Reload::Live {
        out.push_str("# A change takes effect on SIGHUP.\n");
    }
    for line in lines {
        out.push_str(&format!("#{} = {}\n", spec.name, line.replace('$', "$$")));
    }
    if lines.is_empty() {
        out.push_str(&format!("#{} =\n", spec.name));
    }
}

fn describe(out: &mut String, option: &Shown) {
    let Shown { spec, lines } = option;
    out.push_str(&format!("\n### `{}`\n\n", spec.name));
    for line in spec.doc {
        out.push_str(&format!("{}\n", line.trim_start()));
    }
    let default = if lines.is_empty() {
        "unset".to_owned()
    } else {
        code(&lines.join(" "))
    };
    out.push_str(&format!(
        "\n- Accepted: {}\n- Default: {default}",
        spec.accepts
    ));
    let programs = [
        (ApiConfig::NAME, ApiConfig::defaults()),
        (RegistryConfig::NAME, RegistryConfig::defaults()),
    ];
    let mut users = Vec::new();
    for (program, defaults) in programs {
        let Some(shown) = defaults.iter().find(|shown| name(shown.spec) == name(spec)) else {
            continue;
        };
        users.push(program);
        if shown.lines != *lines {
            out.push_str(&format!("; for {program} {}", code(&shown.lines.join(" "))));
        }
    }
    out.push_str(&format!("\n- Read by: {}\n", users.join(", ")));
    out.push_str(match spec.reload {
        Reload::Live => "- A change takes effect on SIGHUP\n",
        Reload::Restart => "- A change takes effect at the next start\n",
    });
    if spec.multiple {
        out.push_str("- May be given several times\n");
    }
    if !spec.old_names.is_empty() {
        let names = spec.old_names.iter().filter_map(|old| old.split_once('/'));
        let names: Vec<_> = names
            .map(|(section, name)| format!("`[{section}] {name}`"))
            .collect();
        out.push_str(&format!("- Older names: {}\n", names.join(", ")));
    }
}

fn code(text: &str) -> String {
    if text.is_empty() {
        "empty".to_owned()
    } else {
        format!("`{text}`")
    }
}

fn push_unsupported(out: &mut String) {
    out.push_str(
        "\n## Options of Glance that are known and not supported\n\n\
         They are accepted with a warning and have no effect. A `*` stands for any rest.\n\n\
         | About | Section | Options |\n|---|---|---|\n",
    );
    for (matter, section, names) in unsupported::OPTIONS {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        out.push_str(&format!(
            "| {matter} | `[{section}]` | {} |\n",
            names.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::*;

    /// Compares a shipped file with what the table makes, or writes it when asked to.
    fn is_shipped(path: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        if env::var_os("REWRITE_MANUALS").is_some() {
            fs::write(&path, text).unwrap();
        }
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            shipped == text,
            "{} differs from the option table; REWRITE_MANUALS=1 cargo test -p glance-config",
            path.display()
        );
    }

    #[test]
    fn ships_every_option_of_the_api() {
        is_shipped("etc/glance-api.conf", &api_file());
    }

    #[test]
    fn ships_every_option_of_the_registry() {
        is_shipped("etc/glance-registry.conf", &registry_file());
    }

    #[test]
    fn ships_every_option_of_both_for_plankton() {
        is_shipped("etc/plankton-api.conf", &plankton_file());
    }

    #[test]
    fn ships_the_manual() {
        is_shipped("docs/CONFIGURATION.md", &document());
    }

    #[test]
    fn leaves_no_option_without_a_manual() {
        for spec in ApiConfig::specs()
            .into_iter()
            .chain(RegistryConfig::specs())
        {
            assert!(!spec.doc.is_empty(), "{}", spec.name);
        }
    }
}
