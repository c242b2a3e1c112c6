//! One image by its id, as far as a caller may see and change it.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use glance_core::access;
use glance_core::identity::Identity;
use glance_core::image::Visibility;

use super::error::DbError;
use super::live::live;
use super::rows::{self, ImageRow};
use super::schema::image_members;
use super::statement::{Bind, Statement};

/// Ids are at most so long in the table; Glance finds nothing under longer ones.
const ID_LENGTH: usize = 36;

/// The image `id`, if `caller` may see it. Administrators see deleted images, and so does everybody
/// when `show_deleted`.
pub(super) fn visible(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
    show_deleted: bool,
) -> Result<ImageRow, DbError> {
    if id.chars().count() > ID_LENGTH {
        return Err(DbError::NotFound);
    }
    let sql = format!("SELECT {} FROM images i WHERE i.id = ?", rows::COLUMNS);
    let row: Option<ImageRow> = Statement::<rows::Columns>::kept(sql, vec![Bind::from(id)])
        .get_result(conn)
        .optional()?;
    let row = row
        .filter(|row| !row.deleted || caller.is_admin || show_deleted)
        .ok_or(DbError::NotFound)?;
    let owner = row.owner.as_deref();
    let visibility = visibility(&row)?;
    if access::is_visible(caller, owner, visibility, false) {
        return Ok(row);
    }
    // Only what is shared needs the question who its members are.
    if visibility == Visibility::Shared && is_member(conn, id, caller)? {
        return Ok(row);
    }
    Err(DbError::Hidden)
}

/// The image `id`, if `caller` may change it.
pub(super) fn mutable(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
) -> Result<ImageRow, DbError> {
    let row = visible(conn, caller, id, false)?;
    if access::is_mutable(caller, row.owner.as_deref()) {
        return Ok(row);
    }
    match visibility(&row)? {
        Visibility::Public | Visibility::Community => Err(DbError::Forbidden),
        Visibility::Shared | Visibility::Private => Err(DbError::NotOwner),
    }
}

/// The row's visibility. The table's constraint knows the same four words.
pub(super) fn visibility(row: &ImageRow) -> Result<Visibility, DbError> {
    row.visibility
        .parse()
        .map_err(|_| DbError::Invalid("Invalid visibility value".to_owned()))
}

fn is_member(conn: &mut SqliteConnection, id: &str, caller: &Identity) -> QueryResult<bool> {
    let Some(owner) = caller.owner() else {
        return Ok(false);
    };
    diesel::select(diesel::dsl::exists(
        image_members::table
            .filter(image_members::image_id.eq(id))
            .filter(image_members::member.eq(owner))
            .filter(live()),
    ))
    .get_result(conn)
}
