//! A file of property protection before it is understood: its sections, as `ConfigParser` reads them.

use super::ProtectionError;
use crate::policy::shown;

/// One section, in the file's order.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// What stands in the brackets.
    pub(super) name: &'a str,
    /// The line of the brackets, from 1.
    pub(super) line: usize,
    /// Its options.
    pub(super) options: Vec<SectionOption>,
}

/// One option.
#[derive(Debug)]
pub(super) struct SectionOption {
    /// In lower case.
    pub(super) name: String,
    /// Without surrounding blanks; lines that continue it are joined by line feeds.
    pub(super) value: String,
    /// The line it begins on, from 1.
    pub(super) line: usize,
}

impl Section<'_> {
    /// The option of this name.
    pub(super) fn option(&self, name: &str) -> Option<&SectionOption> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// Reads the sections.
///
/// A section that is there twice is an error, as in Python 3: whichever of the two counted, the
/// other would seem to protect what it does not.
pub(super) fn read(text: &str) -> Result<Vec<Section<'_>>, ProtectionError> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if raw.starts_with(char::is_whitespace) {
            let option = sections
                .last_mut()
                .and_then(|section| section.options.last_mut());
            let Some(option) = option else {
                return Err(ProtectionError::at(
                    line,
                    "an indented line continues nothing",
                ));
            };
            option.value.push('\n');
            option.value.push_str(content);
            continue;
        }
        if let Some(inside) = content.strip_prefix('[') {
            let Some((name, _)) = inside.split_once(']').filter(|(name, _)| !name.is_empty())
            else {
                return Err(ProtectionError::at(
                    line,
                    "a section without name or closing bracket",
                ));
            };
            if !names.insert(name) {
                return Err(ProtectionError::at(
                    line,
                    format!("section {} is there twice", shown(name)),
                ));
            }
            sections.push(Section {
                name,
                line,
                options: Vec::new(),
            });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(ProtectionError::at(
                line,
                "an option before the first section",
            ));
        };
        let option = read_option(content, line)?;
        if section.option(&option.name).is_some() {
            let reason = format!("{} is there twice in its section", shown(&option.name));
            return Err(ProtectionError::at(line, reason));
        }
        section.options.push(option);
    }
    Ok(sections)
}

/// `name = value` or `name: value`, with a comment behind ` ;`.
fn read_option(content: &str, line: usize) -> Result<SectionOption, ProtectionError> {
    let Some((name, value)) = content
        .split_once(['=', ':'])
        .filter(|(name, _)| !name.is_empty())
    else {
        return Err(ProtectionError::at(
            line,
            "neither a section nor an option with its value",
        ));
    };
    let comment = value
        .find(" ;")
        .or_else(|| value.find("\t;"))
        .unwrap_or(value.len());
    let value = match value[..comment].trim() {
        "\"\"" => "",
        value => value,
    };
    if value.contains('%') {
        return Err(ProtectionError::at(
            line,
            "a % in a value: interpolation is not supported",
        ));
    }
    let name = name.trim_end().to_lowercase();
    Ok(SectionOption {
        name,
        value: value.to_owned(),
        line,
    })
}
