//! One image by its id, as far as a caller may see and change it.

use diesel::QueryResult;
use diesel::sql_types::BigInt;
use glance_core::access;
use glance_core::identity::Identity;
use glance_core::image::Visibility;

use super::conn::Conn;
use super::error::DbError;
use super::rows::{self, ImageRow};
use super::statement::{Bind, Statement};

/// Ids are at most so long in the table; Glance finds nothing under longer ones.
const ID_LENGTH: usize = 36;

/// The image `id`, if `caller` may see it. Administrators see deleted images, and so does everybody
/// when `show_deleted`.
pub(super) fn visible(
    conn: &mut Conn,
    caller: &Identity,
    id: &str,
    show_deleted: bool,
) -> Result<ImageRow, DbError> {
    let row = rows::by_id(conn, known(id)?)?.ok_or(DbError::NotFound)?;
    check_visible(conn, caller, &row, show_deleted)?;
    Ok(row)
}

/// The id, if there can be such an image.
pub(super) fn known(id: &str) -> Result<&str, DbError> {
    // NUL is in no text of PostgreSQL's, and what is beyond U+FFFF in none of MySQL's utf8, not even
    // in one that is looked for.
    let strange = |c| c == '\0' || c > '\u{ffff}';
    if id.chars().count() > ID_LENGTH || id.contains(strange) {
        return Err(DbError::NotFound);
    }
    Ok(id)
}

/// Whether `caller` may see an image; [`visible`] says which.
pub(super) fn check_visible(
    conn: &mut Conn,
    caller: &Identity,
    row: &ImageRow,
    show_deleted: bool,
) -> Result<(), DbError> {
    if row.deleted && !caller.is_admin && !show_deleted {
        return Err(DbError::NotFound);
    }
    let visibility = visibility(row)?;
    if access::is_visible(caller, row.owner.as_deref(), visibility, false) {
        return Ok(());
    }
    // Only what is shared needs the question who its members are.
    if visibility == Visibility::Shared && is_member(conn, &row.id, caller)? {
        return Ok(());
    }
    Err(DbError::Hidden)
}

/// The image `id`, if `caller` may change it.
pub(super) fn mutable(conn: &mut Conn, caller: &Identity, id: &str) -> Result<ImageRow, DbError> {
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

fn is_member(conn: &mut Conn, id: &str, caller: &Identity) -> QueryResult<bool> {
    let Some(owner) = caller.owner() else {
        return Ok(false);
    };
    let live = conn.engine().live();
    let sql =
        format!("SELECT COUNT(*) FROM image_members WHERE image_id = ? AND member = ? AND {live}");
    let binds = vec![Bind::from(id), Bind::from(owner)];
    let count: i64 = Statement::<BigInt>::kept(sql, binds).get_result(conn)?;
    Ok(count > 0)
}
