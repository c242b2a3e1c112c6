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

/// What an arm calls the columns of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    /// The key of the index that it is read by.
    pub(super) driver: SortKey,
    /// Whether that is an index of `shared_images`, else of the images themselves.
    pub(super) shared: bool,
}

impl Names {
    /// The column of a key: the index's own, where it has one, so that its order is seen to be the page's.
    pub(super) fn of(self, key: SortKey) -> String {
        let is_there = match key {
            SortKey::Id => true,
            SortKey::CreatedAt => self.driver != SortKey::Id,
            other => other == self.driver,
        };
        match key.as_str() {
            "id" if self.shared => "s.image_id".to_owned(),
            name if self.shared && is_there => format!("s.{name}"),
            name => format!("i.{name}"),
        }
    }

    /// A list of columns of the table alias `i`, by these names.
    pub(super) fn replaced(self, columns: &str) -> String {
        if !self.shared {
            return columns.to_owned();
        }
        let key = |column: &str| column.strip_prefix("i.")?.parse().ok();
        let name = |column: &str| key(column).map_or(column.to_owned(), |key| self.of(key));
        columns.split(", ").map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Adds what images must be like.
pub(super) fn filters(engine: Engine, filters: &Filters, names: Names, to: &mut Conditions) {
    for (column, filter) in filters.texts() {
        let name = match column.parse() {
            Ok(key) if key == names.driver => names.of(key),
            _ => engine.aside_text(&format!("i.{column}")),
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
    let size = match names.driver {
        SortKey::Size => names.of(SortKey::Size),
        _ => engine.aside_number("i.size"),
    };
    to.number(&format!("{size} >= ?"), filters.size_min);
    to.number(&format!("{size} <= ?"), filters.size_max);
    if let Some(protected) = filters.protected {
        to.add("i.protected = ?");
        to.binds.push(Bind::from(protected));
    }
    if let Some(time) = &filters.changes_since {
        let updated_at = match names.driver {
            SortKey::UpdatedAt => names.of(SortKey::UpdatedAt),
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
pub(super) fn segments(engine: Engine, page: &Page, names: Names) -> Vec<Conditions> {
    let Some(marker) = &page.marker else {
        return vec![Conditions::default()];
    };
    let after = match page.direction {
        SortDirection::Ascending => ">",
        SortDirection::Descending => "<",
    };
    let (created_at, id) = (names.of(SortKey::CreatedAt), names.of(SortKey::Id));
    let rest = [created_at.as_str(), id.as_str()];
    let values = vec![
        Bind::from(&marker.created_at),
        Bind::from(marker.id.as_str()),
    ];
    match page.sort {
        SortKey::CreatedAt => vec![engine.beyond(&rest, after, values)],
        SortKey::Id => {
            vec![engine.beyond(&rest[1..], after, vec![Bind::from(marker.id.as_str())])]
        }
        key => {
            let key = names.of(key);
            by_key(
                engine,
                page,
                marker,
                after,
                [&key, rest[0], rest[1]],
                values,
            )
        }
    }
}

/// Likewise where the order begins with a column that may be null: `columns` are all of the order.
fn by_key(
    engine: Engine,
    page: &Page,
    marker: &Position,
    after: &str,
    columns: [&str; 3],
    rest: Vec<Bind>,
) -> Vec<Conditions> {
    let [key, ..] = columns;
    let mut segments = Vec::new();
    match &marker.key {
        Some(value) => {
            let values = [Bind::from(value)].into_iter().chain(rest).collect();
            segments.push(engine.beyond(&columns, after, values));
            if page.direction == SortDirection::Descending && page.sort != SortKey::Status {
                let mut nulls = Conditions::default();
                nulls.add(&format!("{key} IS NULL"));
                segments.push(nulls);
            }
        }
        None => {
            let mut nulls = Conditions::default();
            nulls.add(&format!("{key} IS NULL"));
            nulls.append(engine.beyond(&columns[1..], after, rest));
            segments.push(nulls);
            if page.direction == SortDirection::Ascending {
                let mut values = Conditions::default();
                values.add(&engine.any_value(key, page.sort == SortKey::Size));
                segments.push(values);
            }
        }
    }
    segments
}
