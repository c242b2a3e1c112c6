//! Images with what belongs to them. One statement reads all of it, so that it is seen at one moment
//! and a server is asked once.
//!
//! One image comes as rows, joined: for aggregates MariaDB makes a file for each execution. A page's
//! images come in rows of their own, with lists in JSON, for its order must stay.

use std::collections::BTreeMap;

use diesel::sql_types::{Nullable, Text};
use glance_core::identity::Identity;
use glance_core::image::Properties;
use serde::de::DeserializeOwned;

use super::arms;
use super::conn::Conn;
use super::dialect::Engine;
use super::error::DbError;
use super::list::Page;
use super::locations::{self, Location};
use super::rows::{self, ImageRow};
use super::scope::Deleted;
use super::statement::{Bind, Statement};

/// An image with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Its row.
    pub row: ImageRow,
    /// Its properties.
    pub properties: Properties,
    /// Its locations, in the order they were added.
    pub locations: Vec<Location>,
}

impl ImageRecord {
    /// As `caller` may see it: locations of deactivated images are the administrator's only.
    pub(super) fn seen_by(mut self, caller: &Identity) -> Self {
        if self.row.status == "deactivated" && !caller.is_admin {
            self.locations.clear();
        }
        self
    }
}

/// The SQL types of [`columns`].
type Columns = (rows::Columns, Nullable<Text>, Nullable<Text>);

/// What they are read as: properties and locations are lists in JSON.
type Found = (ImageRow, Option<String>, Option<String>);

/// Which of an image's locations are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    None,
    Live,
    All,
}

/// What is read of an image `i`.
fn columns(engine: Engine, which: Which) -> String {
    let live = format!("AND {}", engine.live());
    let properties = engine.json_list(&["name", "value"]);
    let locations = engine.json_list(&["id", "value", "status", "meta_data"]);
    let locations = match which {
        Which::None => engine.no_text().to_owned(),
        Which::Live => {
            format!("(SELECT {locations} FROM image_locations WHERE image_id = i.id {live})")
        }
        Which::All => format!("(SELECT {locations} FROM image_locations WHERE image_id = i.id)"),
    };
    format!(
        "{}, (SELECT {properties} FROM image_properties WHERE image_id = i.id {live}), {locations}",
        rows::COLUMNS
    )
}

fn record((row, properties, locations): Found) -> Result<ImageRecord, DbError> {
    let properties: Vec<(String, Option<String>)> = list(properties)?;
    let mut locations: Vec<locations::Row> = list(locations)?;
    locations.sort_by_key(|location| location.0);
    Ok(ImageRecord {
        row,
        properties: properties.into_iter().collect(),
        locations: locations.into_iter().map(locations::location).collect(),
    })
}

/// The rows of a list in JSON; there is none where nothing was found.
fn list<T: DeserializeOwned>(json: Option<String>) -> Result<Vec<T>, DbError> {
    let Some(json) = json else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&json)
        .map_err(|error| diesel::result::Error::DeserializationError(error.into()).into())
}

/// The image `id`, deleted or not; without its locations unless `locations` are wanted.
pub(super) fn by_id(
    conn: &mut Conn,
    id: &str,
    locations: bool,
) -> Result<Option<ImageRecord>, DbError> {
    one(conn, "i.id = ?", vec![Bind::from(id)], locations)
}

/// The image `id`, which this change has just made, unless a purge retired the id. Asked only now,
/// for what a purge did while the insertion waited for it is seen by no earlier statement.
pub(super) fn unless_retired(conn: &mut Conn, id: &str) -> Result<Option<ImageRecord>, DbError> {
    let condition = "i.id = ? AND NOT EXISTS (SELECT 1 FROM retired_images r WHERE r.id = ?)";
    one(conn, condition, vec![Bind::from(id), Bind::from(id)], true)
}

/// The SQL types of an image joined to a property and to a location of its.
type Joined = (
    rows::Columns,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<rows::Whole>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
);

/// What they are read as: a name and a value, and a [location's row](locations::Row).
type Piece = (
    ImageRow,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn one(
    conn: &mut Conn,
    condition: &str,
    binds: Vec<Bind>,
    locations: bool,
) -> Result<Option<ImageRecord>, DbError> {
    let belonging = |table: &str, alias: &str| {
        let live = conn.engine().live_in(alias);
        format!("LEFT JOIN {table} {alias} ON {alias}.image_id = i.id AND {live}")
    };
    let (location, located) = match locations {
        true => (
            "l.id, l.value, l.status, l.meta_data",
            belonging("image_locations", "l"),
        ),
        false => ("NULL, NULL, NULL, NULL", String::new()),
    };
    let sql = format!(
        "SELECT {}, p.name, p.value, {location} FROM images i {} {located} WHERE {condition}",
        rows::COLUMNS,
        belonging("image_properties", "p"),
    );
    let pieces: Vec<Piece> = Statement::<Joined>::kept(sql, binds).load(conn)?;
    let mut row = None;
    let mut properties = Properties::new();
    let mut locations = BTreeMap::new();
    for (image, name, value, id, url, status, metadata) in pieces {
        row.get_or_insert(image);
        properties.extend(name.map(|name| (name, value)));
        if let (Some(id), Some(url), Some(status)) = (id, url, status) {
            locations.insert(id, (id, url, status, metadata));
        }
    }
    Ok(row.map(|row| ImageRecord {
        row,
        properties,
        locations: locations.into_values().map(locations::location).collect(),
    }))
}

/// The image `id`, which the same transaction has made or changed.
pub(super) fn again(conn: &mut Conn, id: &str) -> Result<ImageRecord, DbError> {
    by_id(conn, id, true)?.ok_or_else(|| diesel::result::Error::NotFound.into())
}

/// The images of a page, in its order; without their locations unless `locations` are wanted.
pub(super) fn of_page(
    conn: &mut Conn,
    page: &Page,
    locations: bool,
) -> Result<Vec<ImageRecord>, DbError> {
    let which = match (locations, page.deleted) {
        (false, _) => Which::None,
        (true, Deleted::No) => Which::Live,
        (true, _) => Which::All,
    };
    let columns = columns(conn.engine(), which);
    let order = arms::order(conn.engine(), page, rows::COLUMNS);
    let Some(merged) = arms::statement::<rows::Columns>(conn, page, rows::COLUMNS)? else {
        return Ok(Vec::new());
    };
    let whole: Statement<Columns> =
        merged.within(|images| format!("SELECT {columns} FROM ({images}) i ORDER BY {order}"));
    let found: Vec<Found> = whole.load(conn)?;
    found.into_iter().map(record).collect()
}
