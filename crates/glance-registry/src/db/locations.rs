//! Where the data of images is. Locations may hold credentials: they never print.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use glance_core::location::{LocationData, LocationUrl};
use serde_json::{Map, Value};

use super::clock::SqlTime;
use super::error::DbError;
use super::live::{LIVE, live};
use super::properties::places;
use super::schema::image_locations::{self, dsl};
use super::statement::Statement;

/// A location of an image, deleted ones included where a list asks for them.
pub type Location = LocationData;

type Row = (i64, String, String, Option<String>);

fn location((id, url, status, metadata): Row) -> Location {
    let metadata = metadata.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
    Location {
        id: Some(id),
        url: LocationUrl::new(url),
        status,
        metadata: metadata.unwrap_or_default(),
    }
}

/// The locations of one image that are not deleted.
pub(super) fn of(conn: &mut SqliteConnection, image: &str) -> QueryResult<Vec<Location>> {
    let rows: Vec<Row> = image_locations::table
        .filter(dsl::image_id.eq(image))
        .filter(live())
        .order(dsl::id)
        .select((dsl::id, dsl::value, dsl::status, dsl::meta_data))
        .load(conn)?;
    Ok(rows.into_iter().map(location).collect())
}

/// The locations of one image whose data may still be there, whatever its row says.
pub(super) fn remaining(
    conn: &mut SqliteConnection,
    image: &str,
    deleted_too: bool,
) -> QueryResult<Vec<Location>> {
    let rows: Vec<Row> = image_locations::table
        .filter(dsl::image_id.eq(image))
        .order(dsl::id)
        .select((dsl::id, dsl::value, dsl::status, dsl::meta_data))
        .load(conn)?;
    let mut locations: Vec<Location> = Vec::new();
    for candidate in rows.into_iter().map(location) {
        let counts = deleted_too || candidate.status != "deleted";
        if counts && !locations.iter().any(|known| known.url == candidate.url) {
            locations.push(candidate);
        }
    }
    Ok(locations)
}

/// The locations of many images; with `deleted_too`, those that are deleted as well.
pub(super) fn of_many(
    conn: &mut SqliteConnection,
    images: &[&str],
    deleted_too: bool,
) -> QueryResult<BTreeMap<String, Vec<Location>>> {
    let condition = if deleted_too { "1" } else { LIVE };
    let mut found: BTreeMap<String, Vec<Location>> = BTreeMap::new();
    for chunk in images.chunks(1000) {
        let (places, binds) = places(chunk);
        let sql = format!(
            "SELECT image_id, id, value, status, meta_data FROM image_locations \
             WHERE {condition} AND image_id IN ({places})"
        );
        type Columns = (Text, BigInt, Text, Text, Nullable<Text>);
        let mut rows: Vec<(String, i64, String, String, Option<String>)> =
            Statement::<Columns>::kept(sql, binds).load(conn)?;
        rows.sort_by_key(|row| row.1);
        for (image, id, url, status, metadata) in rows {
            found
                .entry(image)
                .or_default()
                .push(location((id, url, status, metadata)));
        }
    }
    Ok(found)
}

/// Makes `locations` those of the image: those with an id are changed, those without are added, and
/// the others deleted, as Glance does.
pub(super) fn set(
    conn: &mut SqliteConnection,
    image: &str,
    locations: &[Location],
    now: &SqlTime,
) -> Result<(), DbError> {
    let kept: Vec<i64> = locations
        .iter()
        .filter_map(|location| location.id)
        .collect();
    let present: Vec<i64> = image_locations::table
        .filter(dsl::image_id.eq(image))
        .filter(live())
        .select(dsl::id)
        .load(conn)?;
    for id in present.iter().filter(|id| !kept.contains(id)) {
        diesel::update(image_locations::table.find(id))
            .set((
                dsl::deleted.eq(true),
                dsl::status.eq("deleted"),
                dsl::updated_at.eq(now.as_str()),
                dsl::deleted_at.eq(now.as_str()),
            ))
            .execute(conn)?;
    }
    for location in locations {
        let gone = matches!(location.status.as_str(), "deleted" | "pending_delete");
        let gone_at = gone.then(|| now.as_str());
        let metadata = Value::Object(location.metadata.clone()).to_string();
        let Some(id) = location.id else {
            diesel::insert_into(image_locations::table)
                .values((
                    dsl::image_id.eq(image),
                    dsl::value.eq(location.url.expose()),
                    dsl::created_at.eq(now.as_str()),
                    dsl::updated_at.eq(now.as_str()),
                    dsl::deleted_at.eq(gone_at),
                    dsl::deleted.eq(gone),
                    dsl::meta_data.eq(&metadata),
                    dsl::status.eq(&location.status),
                ))
                .execute(conn)?;
            continue;
        };
        let changed = diesel::update(
            image_locations::table
                .find(id)
                .filter(dsl::image_id.eq(image)),
        )
        .set((
            dsl::value.eq(location.url.expose()),
            dsl::meta_data.eq(&metadata),
            dsl::status.eq(&location.status),
            dsl::deleted.eq(gone),
            dsl::updated_at.eq(now.as_str()),
            dsl::deleted_at.eq(gone_at),
        ))
        .execute(conn)?;
        if changed == 0 {
            return Err(DbError::Invalid(format!(
                "No location found with ID {id} from image {image}"
            )));
        }
    }
    Ok(())
}

/// Marks all locations of an image deleted.
pub(super) fn delete_all(
    conn: &mut SqliteConnection,
    image: &str,
    now: &SqlTime,
) -> QueryResult<usize> {
    let live = image_locations::table
        .filter(dsl::image_id.eq(image))
        .filter(live());
    diesel::update(live)
        .set((
            dsl::deleted.eq(true),
            dsl::status.eq("deleted"),
            dsl::updated_at.eq(now.as_str()),
            dsl::deleted_at.eq(now.as_str()),
        ))
        .execute(conn)
}
