//! One program's sections, together.

use crate::error::ConfigError;
use crate::option::{OptionSpec, Reload};
use crate::settings::Settings;

/// An option whose value differs between two loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The option, as `[section] name`.
    pub option: String,
    /// Whether a running daemon can take it over.
    pub reloadable: bool,
}

/// An option with the value it has, as a configuration file would have it. Secrets are replaced.
pub(crate) struct Shown {
    /// The option.
    pub(crate) spec: &'static OptionSpec,
    /// Its lines: none when unset.
    pub(crate) lines: Vec<String>,
}

/// The whole configuration of one program.
pub(crate) trait Program: Default + Clone {
    /// The program's name.
    const NAME: &'static str;

    /// All of its options.
    fn specs() -> Vec<&'static OptionSpec>;

    /// Takes over what `settings` has.
    ///
    /// # Errors
    ///
    /// As [`crate::option::Section::read`].
    fn read(&mut self, settings: &Settings) -> Result<(), ConfigError>;

    /// All options with their values.
    fn shown(&self) -> Vec<Shown>;

    /// All options with this program's defaults, of which none is a secret.
    fn defaults() -> Vec<Shown> {
        let table = |spec: &OptionSpec| spec.default.map(str::to_owned).into_iter().collect();
        let mut defaults = Self::default().shown();
        for shown in defaults.iter_mut().filter(|shown| shown.spec.secret) {
            shown.lines = table(shown.spec);
        }
        defaults
    }

    /// Remarks on values that are accepted but not wholly honoured.
    fn remarks(&self) -> Vec<String>;

    /// What differs in `new`. The options' names, never their values.
    fn changes(&self, new: &Self) -> Vec<Change>;

    /// Names the log file after the program where only a directory is given.
    fn name_log_file(&mut self, program: &str);
}

impl Change {
    pub(crate) fn of(spec: &OptionSpec) -> Self {
        Self {
            option: format!("[{}] {}", spec.section, spec.name),
            reloadable: spec.reload == Reload::Live,
        }
    }
}

/// Declares a program's configuration: a struct of sections.
macro_rules! program {
    (
        $(#[doc = $struct_doc:literal])*
        pub struct $struct:ident for $name:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident : $type:ty,
            )*
        }
    ) => {
        $(#[doc = $struct_doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $struct {
            $(
                $(#[doc = $doc])*
                pub $field: $type,
            )*
        }

        impl $struct {
            fn with_listen(listen: crate::listen::ListenConfig) -> Self {
                let mut config = Self { $($field: <$type>::default()),* };
                config.listen = listen;
                config
            }

            /// What differs between two loads; names, never values.
            pub fn changes(old: &Self, new: &Self) -> Vec<crate::program::Change> {
                crate::program::Program::changes(old, new)
            }
        }

        impl crate::program::Program for $struct {
            const NAME: &'static str = $name;

            fn specs() -> Vec<&'static crate::option::OptionSpec> {
                let mut specs = Vec::new();
                $(specs.extend(<$type as crate::option::Section>::specs());)*
                specs
            }

            fn read(
                &mut self,
                settings: &crate::settings::Settings,
            ) -> Result<(), crate::error::ConfigError> {
                $(crate::option::Section::read(&mut self.$field, settings)?;)*
                Ok(())
            }

            fn shown(&self) -> Vec<crate::program::Shown> {
                let mut lines = Vec::new();
                $(lines.extend(crate::option::Section::shown(&self.$field));)*
                Self::specs()
                    .into_iter()
                    .zip(lines)
                    .map(|(spec, lines)| crate::program::Shown { spec, lines })
                    .collect()
            }

            fn remarks(&self) -> Vec<String> {
                let mut remarks = Vec::new();
                $(remarks.extend(crate::option::Section::remarks(&self.$field));)*
                remarks
            }

            fn changes(&self, new: &Self) -> Vec<crate::program::Change> {
                let mut same = Vec::new();
                $(same.extend(crate::option::Section::same(&self.$field, &new.$field));)*
                Self::specs()
                    .into_iter()
                    .zip(same)
                    .filter(|(_, same)| !same)
                    .map(|(spec, _)| crate::program::Change::of(spec))
                    .collect()
            }

            fn name_log_file(&mut self, program: &str) {
                if self.log.log_dir.is_some() && self.log.log_file.is_none() {
                    self.log.log_file = Some(format!("{program}.log").into());
                }
            }
        }
    };
}
