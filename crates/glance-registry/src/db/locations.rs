//! Where the data of images is. Locations may hold credentials: they never print.

use diesel::QueryResult;
use diesel::sql_types::{Nullable, Text};
use glance_core::location::{LocationData, LocationUrl};
use serde_json::{Map, Value};

use super::clock::SqlTime;
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
use super::rows::Whole;
use super::statement::{Bind, Statement};

/// A location of an image, deleted ones included where a list asks for them.
pub type Location = LocationData;

/// What a location is whose data waits for the scrubber: Glance's looks at no others.
const PENDING: &str = "pending_delete";

/// Identifier, URL, status, metadata in JSON.
pub(super) type Row = (i64, String, String, Option<String>);

pub(super) fn location((id, url, status, metadata): Row) -> Location {
    let metadata = metadata.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
    Location {
        id: Some(id),
        url: LocationUrl::new(url),
        status,
        metadata: metadata.unwrap_or_default(),
    }
}

fn rows(conn: &mut Conn, image: &str, condition: &str) -> QueryResult<Vec<Row>> {
    let sql = format!(
        "SELECT id, value, status, meta_data FROM image_locations \
         WHERE image_id = ?{condition} ORDER BY id"
    );
    Statement::<(Whole, Text, Text, Nullable<Text>)>::kept(sql, vec![Bind::from(image)]).load(conn)
}

/// The locations of one image that are not deleted.
pub(super) fn of(conn: &mut Conn, image: &str) -> QueryResult<Vec<Location>> {
    let live = format!(" AND {}", conn.engine().live());
    let rows = rows(conn, image, &live)?;
    Ok(rows.into_iter().map(location).collect())
}

/// The locations of one image whose data may still be there, whatever its row says.
pub(super) fn remaining(
    conn: &mut Conn,
    image: &str,
    deleted_too: bool,
) -> QueryResult<Vec<Location>> {
    let rows = rows(conn, image, "")?;
    let mut locations: Vec<Location> = Vec::new();
    for candidate in rows.into_iter().map(location) {
        let counts = deleted_too || candidate.status != "deleted";
        if counts && !locations.iter().any(|known| known.url == candidate.url) {
            locations.push(candidate);
        }
    }
    Ok(locations)
}

/// Makes `locations` those of the image: those with an id are changed, those without are added, and
/// the others deleted, as Glance does.
pub(super) fn set(
    conn: &mut Conn,
    image: &str,
    locations: &[Location],
    now: &SqlTime,
) -> Result<(), DbError> {
    let kept: Vec<i64> = locations
        .iter()
        .filter_map(|location| location.id)
        .collect();
    let live = conn.engine().live();
    let sql = format!("SELECT id FROM image_locations WHERE image_id = ? AND {live}");
    let present: Vec<i64> = Statement::<Whole>::kept(sql, vec![Bind::from(image)]).load(conn)?;
    for id in present.iter().filter(|id| !kept.contains(id)) {
        gone("deleted", now).update(conn, "id = ?", vec![Bind::from(*id)])?;
    }
    for location in locations {
        let gone = matches!(location.status.as_str(), "deleted" | PENDING);
        let metadata = Value::Object(location.metadata.clone()).to_string();
        let row = Columns::of("image_locations")
            .set("value", location.url.expose())
            .set("meta_data", metadata.as_str())
            .set("status", location.status.as_str())
            .set("deleted", gone)
            .set("updated_at", now)
            .set("deleted_at", gone.then_some(now));
        let Some(id) = location.id else {
            row.set("image_id", image)
                .set("created_at", now)
                .insert(conn)?;
            continue;
        };
        let binds = vec![Bind::from(id), Bind::from(image)];
        let changed = row.update(conn, "id = ? AND image_id = ?", binds)?;
        if changed == 0 {
            return Err(DbError::Invalid(format!(
                "No location found with ID {id} from image {image}"
            )));
        }
    }
    Ok(())
}

/// Marks all locations of an image deleted; those that wait for the scrubber are that already.
pub(super) fn delete_all(conn: &mut Conn, image: &str, now: &SqlTime) -> QueryResult<usize> {
    let live = format!("image_id = ? AND {}", conn.engine().live());
    gone("deleted", now).update(conn, &live, vec![Bind::from(image)])
}

/// Notes that the scrubber has been there, as Glance's does.
pub(super) fn scrubbed(conn: &mut Conn, image: &str, now: &SqlTime) -> QueryResult<usize> {
    let waiting = vec![Bind::from(image), Bind::from(PENDING)];
    gone("deleted", now).update(conn, "image_id = ? AND status = ?", waiting)
}

fn gone(status: &'static str, now: &SqlTime) -> Columns {
    Columns::of("image_locations")
        .set("deleted", true)
        .set("status", status)
        .set("updated_at", now)
        .set("deleted_at", now)
}
