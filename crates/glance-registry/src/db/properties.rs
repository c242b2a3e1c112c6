//! The free-form properties of images.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use glance_core::image::Properties;

use super::clock::SqlTime;
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
use super::rows::Whole;
use super::statement::{Bind, Statement};

/// So many rows a statement makes at most: each number of them is a text that stays prepared.
const AT_ONCE: usize = 16;

/// Sets properties; with `purge`, those that are not among them go. `quota`: how many the image may
/// have afterwards.
pub(super) fn set(
    conn: &mut Conn,
    image: &str,
    properties: &Properties,
    purge: bool,
    quota: Option<u64>,
    now: &SqlTime,
) -> Result<(), DbError> {
    if purge {
        forget(conn, image, |name| !properties.contains_key(name), now)?;
    }
    let rows: Vec<Columns> = properties
        .iter()
        .map(|(name, value)| {
            Columns::of("image_properties")
                .set("image_id", image)
                .set("name", name.as_str())
                .set("value", value.as_deref())
                .set("created_at", now)
                .set("updated_at", now)
                .set("deleted", false)
                .set("deleted_at", None::<&SqlTime>)
        })
        .collect();
    // A property that was deleted still has its row, and Glance uses it again.
    let mut again = vec!["value", "updated_at", "deleted", "deleted_at"];
    let folds = conn.engine().folds_text();
    if folds {
        again.push("name");
    }
    for some in rows.chunks(AT_ONCE) {
        Columns::put(some.to_vec(), conn, "image_id, name", &again)?;
    }
    if folds && !properties.keys().all(|name| is_plain(name)) {
        check_names(conn, image, properties)?;
    }
    let Some(maximum) = quota.filter(|_| !properties.is_empty()) else {
        return Ok(());
    };
    check_quota(conn, image, maximum)
}

/// Whether no other such name is the same to any engine.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

/// Refuses names of which the engine has taken two for one, so that one of them is missing.
fn check_names(conn: &mut Conn, image: &str, properties: &Properties) -> Result<(), DbError> {
    let live = conn.engine().live();
    let sql = format!("SELECT name FROM image_properties WHERE image_id = ? AND {live}");
    let present: Vec<String> = Statement::<Text>::kept(sql, vec![Bind::from(image)]).load(conn)?;
    match properties.keys().find(|name| !present.contains(name)) {
        Some(name) => Err(DbError::Invalid(format!(
            "the database takes the property {name} and another one for the same"
        ))),
        None => Ok(()),
    }
}

/// Takes from an image the properties with names of which `unwanted` is true.
pub(super) fn forget(
    conn: &mut Conn,
    image: &str,
    unwanted: impl Fn(&str) -> bool,
    now: &SqlTime,
) -> QueryResult<()> {
    let live = conn.engine().live();
    let sql = format!("SELECT id, name FROM image_properties WHERE image_id = ? AND {live}");
    let present: Vec<(i64, String)> =
        Statement::<(Whole, Text)>::kept(sql, vec![Bind::from(image)]).load(conn)?;
    for (id, _) in present.iter().filter(|(_, name)| unwanted(name)) {
        Columns::of("image_properties")
            .set("deleted", true)
            .set("deleted_at", now)
            .set("updated_at", now)
            .update(conn, "id = ?", vec![Bind::from(*id)])?;
    }
    Ok(())
}

/// Refuses an image that has more than `maximum` properties.
pub(super) fn check_quota(conn: &mut Conn, image: &str, maximum: u64) -> Result<(), DbError> {
    let live = conn.engine().live();
    let sql = format!("SELECT COUNT(*) FROM image_properties WHERE image_id = ? AND {live}");
    let count: i64 = Statement::<BigInt>::kept(sql, vec![Bind::from(image)]).get_result(conn)?;
    check_count(usize::try_from(count).unwrap_or(0), Some(maximum))
}

/// Refuses `attempted` properties where there may be fewer.
pub(super) fn check_count(attempted: usize, maximum: Option<u64>) -> Result<(), DbError> {
    let attempted = attempted as u64;
    match maximum {
        Some(maximum) if attempted > maximum => {
            Err(DbError::too_many_properties(attempted, maximum))
        }
        _ => Ok(()),
    }
}
