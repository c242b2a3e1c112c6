//! One option as data: the table from which structs, configuration files and the manual are made.

use crate::error::ConfigError;
use crate::settings::Settings;

/// What happens to a changed value when a running daemon gets SIGHUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// Takes effect at once, without dropping a transfer.
    Live,
    /// Takes effect at the next start; a reload only logs that it waits.
    Restart,
}

/// The part of an option's description that does not depend on its value.
#[derive(Debug)]
pub(crate) struct OptionSpec {
    /// The section it is written in; `DEFAULT` is the nameless one.
    pub(crate) section: &'static str,
    /// Its name, as Glance spells it.
    pub(crate) name: &'static str,
    /// Older places that are still read, as `section/name`; the present name wins over them.
    pub(crate) old_names: &'static [&'static str],
    /// Which values are accepted, as a phrase.
    pub(crate) accepts: &'static str,
    /// May be given several times, every value counting.
    pub(crate) multiple: bool,
    /// Its default as the option table has it; none when it is unset. A program may have another.
    pub(crate) default: Option<&'static str>,
    /// Its value is never shown.
    pub(crate) secret: bool,
    /// What a reload does with it.
    pub(crate) reload: Reload,
    /// The manual, one entry per line of the field's doc comment.
    pub(crate) doc: &'static [&'static str],
}

/// A struct whose fields are the options of one section (or of one matter within a section).
pub(crate) trait Section: Sized {
    /// Its options, in the order of the fields.
    fn specs() -> &'static [OptionSpec];

    /// Takes over every option that `settings` has a value for; the others stay as they are.
    ///
    /// # Errors
    ///
    /// The first value that is not acceptable, with where it was written and what would be.
    fn read(&mut self, settings: &Settings) -> Result<(), ConfigError>;

    /// The values as a file would have them, in the order of [`Section::specs`]: no line for an
    /// option that is unset, several for one given several times. Secrets are replaced.
    fn shown(&self) -> Vec<Vec<String>>;

    /// Whether each option equals the other's, in the order of [`Section::specs`].
    fn same(&self, other: &Self) -> Vec<bool>;

    /// Remarks on values that are accepted but not wholly honoured.
    fn remarks(&self) -> Vec<String>;
}

macro_rules! default_text {
    (unset) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

/// The default of an option: `unset` or a literal.
macro_rules! default_value {
    ($type:ty, unset) => {
        <$type as Default>::default()
    };
    ($type:ty, $text:literal) => {
        crate::value::from_default::<$type>($text)
    };
}

macro_rules! reload_kind {
    (live) => {
        crate::option::Reload::Live
    };
    (restart) => {
        crate::option::Reload::Restart
    };
}

/// Declares a struct of options. Each field's doc comment is its manual, and each is written
/// `name: Type = "default" or unset, live or restart, was ["section/old_name"];`.
macro_rules! options {
    (
        $(#[doc = $struct_doc:literal])*
        pub struct $struct:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident : $type:ty = $default:tt, $reload:ident
                $(, was [$($old:literal),* $(,)?])?;
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

        impl Default for $struct {
            fn default() -> Self {
                Self { $($field: default_value!($type, $default),)* }
            }
        }

        impl crate::option::Section for $struct {
            fn specs() -> &'static [crate::option::OptionSpec] {
                use crate::value::OptionValue;
                const SPECS: &[crate::option::OptionSpec] = &[$(crate::option::OptionSpec {
                    section: $section,
                    name: stringify!($field),
                    old_names: &[$($($old),*)?],
                    accepts: <$type as OptionValue>::ACCEPTS,
                    multiple: <$type as OptionValue>::MULTIPLE,
                    default: default_text!($default),
                    secret: <$type as OptionValue>::SECRET,
                    reload: reload_kind!($reload),
                    doc: &[$($doc),*],
                }),*];
                SPECS
            }

            fn read(
                &mut self,
                settings: &crate::settings::Settings,
            ) -> Result<(), crate::error::ConfigError> {
                let mut specs = Self::specs().iter();
                $(
                    if let Some(spec) = specs.next()
                        && let Some(value) = settings.read(spec)?
                    {
                        self.$field = value;
                    }
                )*
                Ok(())
            }

            fn shown(&self) -> Vec<Vec<String>> {
                vec![$(crate::value::OptionValue::shown(&self.$field)),*]
            }

            fn same(&self, other: &Self) -> Vec<bool> {
                vec![$(self.$field == other.$field),*]
            }

            fn remarks(&self) -> Vec<String> {
                let remarks = [$(
                    (stringify!($field), crate::value::OptionValue::remark(&self.$field))
                ),*];
                remarks
                    .into_iter()
                    .filter_map(|(name, remark)| {
                        remark.map(|remark| format!("[{}] {name}: {remark}", $section))
                    })
                    .collect()
            }
        }
    };
}
