//! The conditions of a list's arm: the filters, and where a page begins.

use glance_core::query::{SortDirection, SortKey};

use super::list::{Page, Position};
use super::scope::{Filters, TextFilter};
use super::statement::Bind;

/// Conditions joined by AND, and the values of their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    pub(super) text: String,
    pub(super) binds: Vec<Bind>,
}

impl Conditions {
    /// Adds a condition without values.
    pub(super) fn add(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(text);
    }

    /// Adds a condition with one value.
    pub(super) fn with(&mut self, text: &str, value: &str) {
        self.add(text);
        self.binds.push(Bind::from(value));
    }

    /// Adds a condition on a number, if there is one.
    pub(super) fn number(&mut self, text: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(text);
            self.binds.push(Bind::from(value));
        }
    }

    /// Adds the conditions of `other`.
    pub(super) fn append(&mut self, other: Self) {
        self.add(&other.text);
        self.binds.extend(other.binds);
    }
}

/// Adds what images must be like.
pub(super) fn filters(filters: &Filters, to: &mut Conditions) {
    for (column, filter) in filters.texts() {
        match filter {
            TextFilter::Is(value) => to.with(&format!("i.{column} = ?"), value),
            TextFilter::In(values) => {
                // SQLite finds no plan for an empty list with a fixed index; NULL is equal to nothing.
                let places = match values.len() {
                    0 => "NULL".to_owned(),
                    count => vec!["?"; count].join(", "),
                };
                to.add(&format!("i.{column} IN ({places})"));
                to.binds
                    .extend(values.iter().map(|value| Bind::from(value.as_str())));
            }
        }
    }
    to.number("i.min_ram = ?", filters.min_ram);
    to.number("i.min_disk = ?", filters.min_disk);
    to.number("i.size >= ?", filters.size_min);
    to.number("i.size <= ?", filters.size_max);
    to.number("i.protected = ?", filters.protected.map(i64::from));
    if let Some(time) = &filters.changes_since {
        to.with("i.updated_at > ?", time.as_str());
    }
    for (name, value) in &filters.properties {
        to.with(
            "EXISTS (SELECT 1 FROM image_properties q WHERE q.image_id = i.id AND q.name = ?",
            name,
        );
        to.with("q.value = ? AND q.deleted = 0)", value);
    }
}

/// The parts of the order that come after the marker, each a range of the index: nulls come first
/// when ascending and last when descending, and no range holds both them and values.
pub(super) fn segments(page: &Page) -> Vec<Conditions> {
    let Some(marker) = &page.marker else {
        return vec![Conditions::default()];
    };
    let after = match page.direction {
        SortDirection::Ascending => ">",
        SortDirection::Descending => "<",
    };
    let mut rest = Conditions::default();
    rest.with(
        &format!("(i.created_at, i.id) {after} (?, ?)"),
        marker.created_at.as_str(),
    );
    rest.binds.push(Bind::from(marker.id.as_str()));
    match page.sort {
        SortKey::CreatedAt => vec![rest],
        SortKey::Id => {
            let mut range = Conditions::default();
            range.with(&format!("i.id {after} ?"), &marker.id);
            vec![range]
        }
        key => by_key(page, key.as_str(), after, marker, rest),
    }
}

fn by_key(
    page: &Page,
    key: &str,
    after: &str,
    marker: &Position,
    mut rest: Conditions,
) -> Vec<Conditions> {
    let mut segments = Vec::new();
    match &marker.key {
        Some(value) => {
            let mut range = Conditions::default();
            range.add(&format!("(i.{key}, i.created_at, i.id) {after} (?, ?, ?)"));
            range.binds.push(Bind::from(value));
            range.binds.append(&mut rest.binds);
            segments.push(range);
            if page.direction == SortDirection::Descending && page.sort != SortKey::Status {
                let mut nulls = Conditions::default();
                nulls.add(&format!("i.{key} IS NULL"));
                segments.push(nulls);
            }
        }
        None => {
            let mut nulls = Conditions::default();
            nulls.add(&format!("i.{key} IS NULL"));
            nulls.append(rest);
            segments.push(nulls);
            if page.direction == SortDirection::Ascending {
                // The least value of its type: a range that begins behind the nulls.
                let least = if page.sort == SortKey::Size {
                    "-9223372036854775808"
                } else {
                    "''"
                };
                let mut values = Conditions::default();
                values.add(&format!("i.{key} >= {least}"));
                segments.push(values);
            }
        }
    }
    segments
}
