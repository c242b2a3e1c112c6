//! From a command line to a configuration.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::api::ApiConfig;
use crate::args::Args;
use crate::catalog::Catalog;
use crate::error::ConfigError;
use crate::layer::Layer;
use crate::program::Program;
use crate::registry::RegistryConfig;
use crate::settings::Settings;
use crate::warning::Warning;
use crate::{ini, locate};

/// A configuration, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    /// The values.
    pub config: C,
    /// The configuration file, the first if there are several. Companion files such as the policy
    /// are looked for beside it ([`locate::companion`]).
    pub path: PathBuf,
    /// To be logged, once, when the log is set up.
    pub warnings: Vec<Warning>,
}

/// The configuration of glance-api: command line over environment over files over defaults.
///
/// # Errors
///
/// There is no file, one cannot be read or understood, or a value cannot be used.
pub fn load_api(args: &Args) -> Result<Loaded<ApiConfig>, ConfigError> {
    let mut loaded = load::<ApiConfig>(args, variables())?;
    if loaded.config.store.is_ambiguous() {
        return Err(ConfigError::Conflict(
            "[glance_store] filesystem_store_datadir and filesystem_store_datadirs: \
             set one of them"
                .to_owned(),
        ));
    }
    refuse(loaded.config.conflict())?;
    let remark = loaded.config.listen.remark();
    loaded.warnings.extend(remark.map(Warning::Remark));
    Ok(loaded)
}

/// The configuration of glance-registry and glance-manage, likewise.
///
/// # Errors
///
/// As [`load_api`].
pub fn load_registry(args: &Args) -> Result<Loaded<RegistryConfig>, ConfigError> {
    let mut loaded = load::<RegistryConfig>(args, variables())?;
    let listen = &loaded.config.listen;
    refuse(listen.conflict())?;
    loaded.warnings.extend(listen.remark().map(Warning::Remark));
    Ok(loaded)
}

fn refuse(conflict: Option<String>) -> Result<(), ConfigError> {
    conflict.map_or(Ok(()), |conflict| Err(ConfigError::Conflict(conflict)))
}

/// The environment variables that are text.
fn variables() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Loads the configuration of any program, with `variables` as the environment.
pub(crate) fn load<P: Program>(
    args: &Args,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Loaded<P>, ConfigError> {
    let files = files(args)?;
    let catalog = Catalog::new();
    let mut warnings = Vec::new();
    let mut layers = Vec::new();
    for path in &files {
        layers.push(file_layer(path, &catalog, &mut warnings)?);
    }
    layers.push(Layer::of_environment(variables, &catalog, &mut warnings));
    layers.push(Layer::of_command_line(
        &args.overrides,
        &catalog,
        &mut warnings,
    ));
    let settings = Settings::merge::<P>(layers)?;
    let mut config = P::default();
    config.read(&settings)?;
    config.name_log_file(&args.program);
    warnings.extend(config.remarks().into_iter().map(Warning::Remark));
    Ok(Loaded {
        config,
        path: files.into_iter().next().unwrap_or_default(),
        warnings,
    })
}

fn file_layer(
    path: &Path,
    catalog: &Catalog,
    warnings: &mut Vec<Warning>,
) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let entries = ini::parse(&text).map_err(|(line, reason)| ConfigError::Syntax {
        path: path.to_owned(),
        line,
        reason: reason.to_owned(),
    })?;
    Ok(Layer::of_file(path, entries, catalog, warnings))
}

/// The files to read, in the order in which they are read: the last one wins.
fn files(args: &Args) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = args.config_files.clone();
    if files.is_empty() && args.config_dirs.is_empty() {
        files.push(locate::configuration(&args.program)?);
    }
    for directory in &args.config_dirs {
        let unreadable = |source| ConfigError::Unreadable {
            path: directory.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "conf")
            {
                found.push(path);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
