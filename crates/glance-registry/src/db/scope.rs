//! Which images a list is about: whose, whether deleted ones, and what they must be like.

use super::clock::SqlTime;

/// Whose images. The text is the caller's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Public ones, the owner's own, and those shared with the owner.
    Tenant(Option<String>),
    /// Every image that is not public, but for the community images of others.
    NotPublic(Option<String>),
    /// Every image, but for the community images of others.
    Everything(Option<String>),
}

/// Whether deleted images are among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// Neither deleted nor killed ones.
    No,
    /// Deleted ones only.
    Yes,
    /// All.
    Any,
}

impl Deleted {
    /// The values of the column that come into question.
    pub(super) fn flags(self) -> &'static [u8] {
        match self {
            Self::No => &[0],
            Self::Yes => &[1],
            Self::Any => &[0, 1],
        }
    }
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFilter {
    /// This.
    Is(String),
    /// One of these.
    In(Vec<String>),
}

/// What images must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Name.
    pub name: Option<TextFilter>,
    /// State.
    pub status: Option<TextFilter>,
    /// Format of the container.
    pub container_format: Option<TextFilter>,
    /// Format of the disk.
    pub disk_format: Option<TextFilter>,
    /// MiB, exactly.
    pub min_ram: Option<i64>,
    /// GiB, exactly.
    pub min_disk: Option<i64>,
    /// Bytes, at least.
    pub size_min: Option<i64>,
    /// Bytes, at most.
    pub size_max: Option<i64>,
    /// Whether they may not be deleted.
    pub protected: Option<bool>,
    /// Changed after this moment.
    pub changes_since: Option<SqlTime>,
    /// Properties, all of which they must have.
    pub properties: Vec<(String, String)>,
    /// No image can be like that (a number that is none, say).
    pub impossible: bool,
}

impl Filters {
    /// The filters of text columns with the columns' names.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &TextFilter)> {
        [
            ("name", &self.name),
            ("disk_format", &self.disk_format),
            ("container_format", &self.container_format),
            ("status", &self.status),
        ]
        .into_iter()
        .filter_map(|(column, filter)| Some((column, filter.as_ref()?)))
    }

    /// Whether a text that is looked for holds the character NUL.
    pub(super) fn any_nul(&self) -> bool {
        let texts = self.texts().any(|(_, filter)| match filter {
            TextFilter::Is(text) => text.contains('\0'),
            TextFilter::In(texts) => texts.iter().any(|text| text.contains('\0')),
        });
        let nul = |text: &String| text.contains('\0');
        texts
            || self
                .properties
                .iter()
                .any(|(name, value)| nul(name) || nul(value))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        let numbers = [self.min_ram, self.min_disk, self.size_min, self.size_max];
        self.texts().count()
            + numbers.into_iter().flatten().count()
            + usize::from(self.protected.is_some())
            + usize::from(self.changes_since.is_some())
            + self.properties.len()
    }
}
