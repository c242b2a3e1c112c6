//! Lists of images: one page, in order, at a cost that does not grow with the number of images.
//!
//! There is never an OR over visibility. A list is one statement with an arm for each source (public,
//! own, shared …); each arm comes out of an index in the page's order, and SQLite merges them lazily,
//! so it reads little more than the page. [`arms`](super::arms) makes the arms. What is shared with a
//! tenant is in a table of ours, `shared_images`, which triggers keep: a row for each member of an image,
//! with the keys of all orders.

use glance_core::identity::Identity;
use glance_core::query::{SortDirection, SortKey};

use super::arms;
use super::clock::SqlTime;
use super::conn::Conn;
use super::error::DbError;
use super::records::{self, ImageRecord};
use super::rows::{self, Summary};
use super::scope::{Deleted, Filters, Scope};
use super::statement::Bind;
use super::visible::visible;

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
    Time(SqlTime),
}

impl From<&Key> for Bind {
    fn from(key: &Key) -> Self {
        match key {
            Key::Text(text) => Self::from(text.as_str()),
            Key::Number(number) => Self::from(*number),
            Key::Time(time) => Self::from(time),
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
    conn: &mut Conn,
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
        SortKey::UpdatedAt => row.updated_at.map(Key::Time),
        SortKey::Id | SortKey::CreatedAt => None,
    };
    Ok(Position {
        key,
        created_at: row.created_at,
        id: row.id,
    })
}

/// A page without properties and locations, which are not even looked at.
pub fn summaries(conn: &mut Conn, page: &Page) -> Result<Vec<Summary>, DbError> {
    match arms::statement::<rows::SummaryColumns>(conn, page, rows::SUMMARY_COLUMNS)? {
        Some(statement) => Ok(statement.load(conn)?),
        None => Ok(Vec::new()),
    }
}

/// A page with properties and, if they are wanted, `locations`.
pub fn detailed(
    conn: &mut Conn,
    caller: &Identity,
    page: &Page,
    locations: bool,
) -> Result<Vec<ImageRecord>, DbError> {
    let records = records::of_page(conn, page, locations)?;
    Ok(records
        .into_iter()
        .map(|record| record.seen_by(caller))
        .collect())
}
