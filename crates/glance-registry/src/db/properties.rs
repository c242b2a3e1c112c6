//! The free-form properties of images.

use std::collections::BTreeMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::SqliteConnection;
use glance_core::image::Properties;

use super::clock::SqlTime;
use super::error::DbError;
use super::live::{LIVE, live};
use super::schema::image_properties::{self, dsl};
use super::statement::{Bind, Statement};

/// The properties of one image.
pub(super) fn of(conn: &mut SqliteConnection, image: &str) -> QueryResult<Properties> {
    let rows: Vec<(String, Option<String>)> = image_properties::table
        .filter(dsl::image_id.eq(image))
        .filter(live())
        .select((dsl::name, dsl::value))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// The properties of many images: one question for each thousand.
pub(super) fn of_many(
    conn: &mut SqliteConnection,
    images: &[&str],
) -> QueryResult<BTreeMap<String, Properties>> {
    let mut found: BTreeMap<String, Properties> = BTreeMap::new();
    for chunk in images.chunks(1000) {
        let (places, binds) = places(chunk);
        let sql = format!(
            "SELECT image_id, name, value FROM image_properties \
             WHERE {LIVE} AND image_id IN ({places})"
        );
        let rows: Vec<(String, String, Option<String>)> =
            Statement::<(Text, Text, Nullable<Text>)>::kept(sql, binds).load(conn)?;
        for (image, name, value) in rows {
            found.entry(image).or_default().insert(name, value);
        }
    }
    Ok(found)
}

/// Places for `ids` in an `IN`, padded to one of three sizes so that the statement stays prepared.
pub(super) fn places(ids: &[&str]) -> (String, Vec<Bind>) {
    let size = [25, 100, 1000]
        .into_iter()
        .find(|size| *size >= ids.len())
        .unwrap_or(ids.len());
    let padding = ids.first().copied().unwrap_or_default();
    let padded = ids
        .iter()
        .copied()
        .chain(std::iter::repeat(padding))
        .take(size);
    let binds: Vec<Bind> = padded.map(Bind::from).collect();
    let mut places = "?, ".repeat(size);
    places.truncate(places.len().saturating_sub(2));
    (places, binds)
}

/// Sets properties; with `purge`, those that are not among them go. `quota`: how many the image may
/// have afterwards.
pub(super) fn set(
    conn: &mut SqliteConnection,
    image: &str,
    properties: &Properties,
    purge: bool,
    quota: Option<u64>,
    now: &SqlTime,
) -> Result<(), DbError> {
    if purge {
        forget(conn, image, |name| !properties.contains_key(name), now)?;
    }
    for (name, value) in properties {
        // A property that was deleted still has its row, and Glance uses it again.
        diesel::insert_into(image_properties::table)
            .values((
                dsl::image_id.eq(image),
                dsl::name.eq(name),
                dsl::value.eq(value),
                dsl::created_at.eq(now.as_str()),
                dsl::updated_at.eq(now.as_str()),
                dsl::deleted.eq(false),
            ))
            .on_conflict((dsl::image_id, dsl::name))
            .do_update()
            .set((
                dsl::value.eq(value),
                dsl::updated_at.eq(now.as_str()),
                dsl::deleted.eq(false),
                dsl::deleted_at.eq(None::<&str>),
            ))
            .execute(conn)?;
    }
    let Some(maximum) = quota.filter(|_| !properties.is_empty()) else {
        return Ok(());
    };
    check_quota(conn, image, maximum)
}

/// Takes from an image the properties with names of which `unwanted` is true.
pub(super) fn forget(
    conn: &mut SqliteConnection,
    image: &str,
    unwanted: impl Fn(&str) -> bool,
    now: &SqlTime,
) -> QueryResult<()> {
    let present: Vec<(i64, String)> = image_properties::table
        .filter(dsl::image_id.eq(image))
        .filter(live())
        .select((dsl::id, dsl::name))
        .load(conn)?;
    for (id, _) in present.iter().filter(|(_, name)| unwanted(name)) {
        diesel::update(image_properties::table.find(id))
            .set((
                dsl::deleted.eq(true),
                dsl::deleted_at.eq(now.as_str()),
                dsl::updated_at.eq(now.as_str()),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Refuses more than `maximum` properties.
pub(super) fn check_quota(
    conn: &mut SqliteConnection,
    image: &str,
    maximum: u64,
) -> Result<(), DbError> {
    let count: i64 = image_properties::table
        .filter(dsl::image_id.eq(image))
        .filter(live())
        .select(count_star())
        .get_result(conn)?;
    let attempted = u64::try_from(count).unwrap_or(0);
    if attempted > maximum {
        return Err(DbError::too_many_properties(attempted, maximum));
    }
    Ok(())
}
