//! Lists of images: one page, in order, at a cost that does not grow with the number of images.
//!
//! There is never an OR over visibility. A list is one statement with an arm for each source (public,
//! own, shared …); each arm comes out of an index in the page's order, and SQLite merges them lazily,
//! so it reads little more than the page. [`arms`](super::arms) makes the arms.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use glance_core::identity::Identity;
use glance_core::query::{SortDirection, SortKey};

use super::clock::SqlTime;
use super::error::DbError;
use super::rows::{self, ImageRecord, ImageRow, Summary};
use super::scope::{Deleted, Filters, Scope};
use super::statement::{Bind, Statement};
use super::visible::visible;
use super::{arms, snapshot};
use super::{locations, properties};

/// Where in the order a page begins: after this image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sort key's value; none where it is null, or where `created_at` or `id` is the key.
    pub(super) key: Option<Key>,
    pub(super) created_at: SqlTime,
    pub(super) id: String,
}

/// A value of a sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    Number(i64),
}

impl From<&Key> for Bind {
    fn from(key: &Key) -> Self {
        match key {
            Key::Text(text) => Self::Text(text.clone()),
            Key::Number(number) => Self::Integer(*number),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whose images.
    pub scope: Scope,
    /// Whether deleted ones.
    pub deleted: Deleted,
    /// What they must be like.
    pub filters: Filters,
    /// What they are ordered by; then by `created_at`, then by `id`.
    pub sort: SortKey,
    /// In which direction, all three.
    pub direction: SortDirection,
    /// After which image.
    pub marker: Option<Position>,
    /// How many.
    pub limit: i64,
}

/// Where the image `id` is in the order, if `caller` may see it.
pub fn position(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
    show_deleted: bool,
    sort: SortKey,
) -> Result<Position, DbError> {
    let row = visible(conn, caller, id, show_deleted)?;
    let text = |text: Option<String>| text.map(Key::Text);
    let key = match sort {
        SortKey::Name => text(row.name),
        SortKey::Status => text(Some(row.status)),
        SortKey::ContainerFormat => text(row.container_format),
        SortKey::DiskFormat => text(row.disk_format),
        SortKey::Size => row.size.map(Key::Number),
        SortKey::UpdatedAt => text(row.updated_at.map(|time| time.to_string())),
        SortKey::Id | SortKey::CreatedAt => None,
    };
    Ok(Position {
        key,
        created_at: row.created_at,
        id: row.id,
    })
}

/// A page without properties and locations, which are not even looked at.
pub fn summaries(conn: &mut SqliteConnection, page: &Page) -> Result<Vec<Summary>, DbError> {
    match arms::statement::<rows::SummaryColumns>(conn, page, rows::SUMMARY_COLUMNS)? {
        Some(statement) => Ok(statement.load(conn)?),
        None => Ok(Vec::new()),
    }
}

/// A page with properties and locations: two more questions, whatever its length.
/// They see the database at one moment.
pub fn detailed(
    conn: &mut SqliteConnection,
    caller: &Identity,
    page: &Page,
) -> Result<Vec<ImageRecord>, DbError> {
    snapshot(conn, |conn| detailed_now(conn, caller, page))
}

fn detailed_now(
    conn: &mut SqliteConnection,
    caller: &Identity,
    page: &Page,
) -> Result<Vec<ImageRecord>, DbError> {
    let rows: Vec<ImageRow> = match arms::statement::<rows::Columns>(conn, page, rows::COLUMNS)? {
        Some(statement) => statement.load(conn)?,
        None => Vec::new(),
    };
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut properties = properties::of_many(conn, &ids)?;
    let mut locations = locations::of_many(conn, &ids, page.deleted != Deleted::No)?;
    let records = rows.into_iter().map(|row| {
        let hidden = row.status == "deactivated" && !caller.is_admin;
        let locations = locations
            .remove(&row.id)
            .filter(|_| !hidden)
            .unwrap_or_default();
        let properties = properties.remove(&row.id).unwrap_or_default();
        ImageRecord {
            row,
            properties,
            locations,
        }
    });
    Ok(records.collect())
}

/// Counts up to `ceiling`: whether a selection is small enough to be sorted.
pub(super) fn is_small(
    conn: &mut SqliteConnection,
    selection: &str,
    binds: Vec<Bind>,
    ceiling: i64,
) -> QueryResult<Size> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM {selection} LIMIT {})",
        ceiling + 1
    );
    let count: i64 = Statement::<diesel::sql_types::BigInt>::kept(sql, binds).get_result(conn)?;
    Ok(match count {
        0 => Size::Empty,
        count if count <= ceiling => Size::Small,
        _ => Size::Large,
    })
}

/// How much a selection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Empty,
    Small,
    Large,
}
