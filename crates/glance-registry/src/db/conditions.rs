//! The conditions of a list's arm: the filters, and where a page begins.

use glance_core::query::{SortDirection, SortKey};

use super::dialect::Engine;
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

/// Adds what images must be like, which are read by the index of `driver`.
pub(super) fn filters(engine: Engine, filters: &Filters, driver: SortKey, to: &mut Conditions) {
    for (column, filter) in filters.texts() {
        let name = match column == driver.as_str() {
            true => format!("i.{column}"),
            false => engine.aside_text(&format!("i.{column}")),
        };
        match filter {
            TextFilter::Is(value) => to.with(&format!("{name} = ?"), value),
            TextFilter::In(values) => {
                // SQLite finds no plan for an empty list with a fixed index; NULL is equal to nothing.
                let places = match values.len() {
                    0 => "NULL".to_owned(),
                    count => vec!["?"; count].join(", "),
                };
                to.add(&format!("{name} IN ({places})"));
                to.binds
                    .extend(values.iter().map(|value| Bind::from(value.as_str())));
            }
        }
    }
    to.number("i.min_ram = ?", filters.min_ram);
    to.number("i.min_disk = ?", filters.min_disk);
    let size = match driver {
        SortKey::Size => "i.size".to_owned(),
        _ => engine.aside_number("i.size"),
    };
    to.number(&format!("{size} >= ?"), filters.size_min);
    to.number(&format!("{size} <= ?"), filters.size_max);
    if let Some(protected) = filters.protected {
        to.add("i.protected = ?");
        to.binds.push(Bind::from(protected));
    }
    if let Some(time) = &filters.changes_since {
        let updated_at = match driver {
            SortKey::UpdatedAt => "i.updated_at".to_owned(),
            _ => engine.aside_time("i.updated_at"),
        };
        to.add(&format!("{updated_at} > ?"));
        to.binds.push(Bind::from(time));
    }
    for (name, value) in &filters.properties {
        to.add("EXISTS (SELECT 1 FROM image_properties q WHERE q.image_id = i.id");
        to.append(engine.property("q", name, value));
        to.text.push_str(engine.for_each());
        to.text.push(')');
    }
}

/// The parts of the order that come after the marker, each a range of the index: nulls come first
/// when ascending and last when descending, and no range holds both them and values.
pub(super) fn segments(engine: Engine, page: &Page) -> Vec<Conditions> {
    let Some(marker) = &page.marker else {
        return vec![Conditions::default()];
    };
    let after = match page.direction {
        SortDirection::Ascending => ">",
        SortDirection::Descending => "<",
    };
    let rest = vec![
        Bind::from(&marker.created_at),
        Bind::from(marker.id.as_str()),
    ];
    match page.sort {
        SortKey::CreatedAt => vec![engine.beyond(&["i.created_at", "i.id"], after, rest)],
        SortKey::Id => {
            vec![engine.beyond(&["i.id"], after, vec![Bind::from(marker.id.as_str())])]
        }
        key => by_key(engine, page, key.as_str(), after, marker, rest),
    }
}

fn by_key(
    engine: Engine,
    page: &Page,
    key: &str,
    after: &str,
    marker: &Position,
    rest: Vec<Bind>,
) -> Vec<Conditions> {
    let mut segments = Vec::new();
    match &marker.key {
        Some(value) => {
            let columns = [&*format!("i.{key}"), "i.created_at", "i.id"];
            let values = [Bind::from(value)].into_iter().chain(rest).collect();
            segments.push(engine.beyond(&columns, after, values));
            if page.direction == SortDirection::Descending && page.sort != SortKey::Status {
                let mut nulls = Conditions::default();
                nulls.add(&format!("i.{key} IS NULL"));
                segments.push(nulls);
            }
        }
        None => {
            let mut nulls = Conditions::default();
            nulls.add(&format!("i.{key} IS NULL"));
            nulls.append(engine.beyond(&["i.created_at", "i.id"], after, rest));
            segments.push(nulls);
            if page.direction == SortDirection::Ascending {
                let mut values = Conditions::default();
                values.add(&engine.any_value(&format!("i.{key}"), page.sort == SortKey::Size));
                segments.push(values);
            }
        }
    }
    segments
}
