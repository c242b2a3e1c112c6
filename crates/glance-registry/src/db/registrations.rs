//! Images whose data is somebody's object in Pithos: each is made, changed or brought back in one go.
//!
//! Their ids are the objects', so they are the only ids that are used again: an object that was
//! unregistered can be registered once more, also when its row has been purged. What it was before is
//! not seen again.

use diesel::QueryResult;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::image::{ImageStatus, Properties, Visibility};
use glance_core::location::LocationData;
use glance_core::wire::{REGISTERED, RegisteredPlace, Registration};

use super::clock::SqlTime;
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
use super::locations::{self, Location};
use super::members::make_members;
use super::records::{self, ImageRecord};
use super::rows::{self, ImageRow};
use super::statement::{Bind, Statement};
use super::{images as all_images, properties};

/// Makes, brings back or changes the image `id`; see [`Registration`].
///
/// [`DbError::NotFound`] if there is none and none is to be made, [`DbError::Conflict`] if it is, or
/// was, an image of another kind, [`DbError::Invalid`] if a new one lacks its owner or its place.
pub fn register(
    conn: &mut Conn,
    id: &ImageId,
    wanted: &Registration,
) -> Result<ImageRecord, DbError> {
    check_texts(wanted)?;
    let id = id.as_str();
    let now = SqlTime::now();
    let row = rows::by_id(conn, id)?;
    let known = match &row {
        Some(row) => Some(known_place(conn, row)?),
        None => None,
    };
    let place = match (&row, known) {
        (None, _) if !wanted.register => return Err(DbError::NotFound),
        (Some(row), None | Some(None)) if wanted.register || is_live(row) => {
            return Err(DbError::Conflict);
        }
        (Some(row), _) if !is_live(row) && !wanted.register => return Err(DbError::NotFound),
        (Some(row), known) if is_live(row) => known.flatten(),
        (_, _) => {
            make(conn, id, row.is_some(), wanted, &now)?;
            None
        }
    };
    let row = rows::again(conn, id)?;
    change(conn, &row, wanted, &now)?;
    if let Some(new) = &wanted.place {
        move_to(conn, id, place, new, &now)?;
    }
    set_properties(conn, id, wanted, &now)?;
    if let Some(members) = &wanted.members {
        make_members(conn, id, members, &now)?;
    }
    records::again(conn, id)
}

/// Marks the registration `id` and all that belongs to it deleted, so that nobody looks for data to
/// remove. [`DbError::NotFound`] if there is none.
pub fn unregister(conn: &mut Conn, id: &str) -> Result<(), DbError> {
    let row = rows::by_id(conn, id)?;
    let row = row.filter(is_live).ok_or(DbError::NotFound)?;
    if known_place(conn, &row)?.is_none() {
        return Err(DbError::NotFound);
    }
    Columns::of("images")
        .set("status", ImageStatus::Deleted.as_str())
        .update(conn, "id = ?", vec![Bind::from(id)])?;
    let service = Identity {
        is_admin: true,
        ..Identity::default()
    };
    all_images::delete(conn, &service, id).map(drop)
}

/// Whether the image is there for its users.
fn is_live(row: &ImageRow) -> bool {
    let status = row.status.as_str();
    !row.deleted && status != "deleted" && status != "pending_delete"
}

/// Where the object is, or was last. None: the image is no registration.
fn known_place(conn: &mut Conn, row: &ImageRow) -> QueryResult<Option<Location>> {
    let places = if is_live(row) {
        locations::of(conn, &row.id)?
    } else {
        locations::remaining(conn, &row.id, true)?
    };
    let last = places.into_iter().next_back();
    Ok(last.filter(|place| place.metadata.contains_key(REGISTERED)))
}

/// Makes the image without anything that `wanted` names, or takes from an old one what it had.
fn make(
    conn: &mut Conn,
    id: &str,
    again: bool,
    wanted: &Registration,
    now: &SqlTime,
) -> Result<(), DbError> {
    if wanted.owner.is_none() || wanted.place.is_none() {
        let reason = "a registration needs an owner and a place";
        return Err(DbError::Invalid(reason.to_owned()));
    }
    let new = Columns::of("images")
        .set("status", ImageStatus::Active.as_str())
        .set("created_at", now)
        .set("updated_at", now)
        .set("deleted", false)
        .set("min_disk", 0)
        .set("min_ram", 0)
        .set("protected", false)
        .set("visibility", Visibility::Shared.as_str());
    if !again {
        new.set("id", id).insert(conn)?;
        return Ok(());
    }
    // Nobody may finish the deletion of what is there again.
    let sql = "DELETE FROM image_leases WHERE image_id = ?";
    Statement::kept(sql, vec![Bind::from(id)]).execute(conn)?;
    new.empty("name")
        .set("size", None::<i64>)
        .empty("checksum")
        .empty("disk_format")
        .empty("container_format")
        .set("virtual_size", None::<i64>)
        .set("deleted_at", None::<&SqlTime>)
        .update(conn, "id = ?", vec![Bind::from(id)])?;
    properties::forget(conn, id, |_| true, now)?;
    locations::delete_all(conn, id, now)?;
    make_members(conn, id, &[], now)?;
    Ok(())
}

fn change(
    conn: &mut Conn,
    row: &ImageRow,
    wanted: &Registration,
    now: &SqlTime,
) -> QueryResult<usize> {
    let visibility = wanted.is_public.map(|public| match public {
        true => Visibility::Public,
        false => Visibility::Shared,
    });
    let updated_at = match wanted.updated_at.map(SqlTime::from) {
        Some(told) => row.updated_at.clone().max(Some(told)),
        None => Some(now.clone()),
    };
    Columns::of("images")
        .maybe("name", wanted.name.as_deref())
        .maybe("size", wanted.size)
        .maybe("checksum", wanted.checksum.as_deref())
        .maybe("disk_format", wanted.disk_format.as_deref())
        .maybe("container_format", wanted.container_format.as_deref())
        .maybe("owner", wanted.owner.as_deref())
        .maybe("visibility", visibility.map(Visibility::as_str))
        .set("updated_at", updated_at.as_ref())
        .update(conn, "id = ?", vec![Bind::from(row.id.as_str())])
}

/// Changes the one location in place, so that following an object leaves no rows behind.
fn move_to(
    conn: &mut Conn,
    id: &str,
    known: Option<Location>,
    new: &RegisteredPlace,
    now: &SqlTime,
) -> Result<(), DbError> {
    let location = LocationData {
        id: known.and_then(|known| known.id),
        metadata: new.metadata.clone(),
        ..LocationData::active(new.url.clone())
    };
    locations::set(conn, id, &[location], now)
}

fn set_properties(
    conn: &mut Conn,
    id: &str,
    wanted: &Registration,
    now: &SqlTime,
) -> Result<(), DbError> {
    let Registration {
        properties: named,
        forget,
        ..
    } = wanted;
    properties::forget(conn, id, |name| forget.iter().any(|one| one == name), now)?;
    let named: Properties = named
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .collect();
    properties::set(conn, id, &named, wanted.purge_properties, None, now)?;
    match wanted.property_quota {
        Some(maximum) => properties::check_quota(conn, id, maximum),
        None => Ok(()),
    }
}

/// Lengths and alphabets are Pithos' affair and were checked; NUL is in no text of any database.
fn check_texts(wanted: &Registration) -> Result<(), DbError> {
    let one = [
        &wanted.name,
        &wanted.checksum,
        &wanted.disk_format,
        &wanted.container_format,
        &wanted.owner,
    ];
    let pairs = wanted.properties.iter().flat_map(<[&String; 2]>::from);
    let texts = one.into_iter().flatten().chain(pairs);
    let places = wanted.place.iter().map(|place| place.url.expose());
    let mut all = texts
        .chain(wanted.members.iter().flatten())
        .map(String::as_str)
        .chain(places);
    if all.any(|text| text.contains('\0')) {
        let reason = "a text must not contain the character NUL";
        return Err(DbError::Invalid(reason.to_owned()));
    }
    if wanted.size.is_some_and(|size| size < 0) {
        return Err(DbError::Invalid("a size is 0 or more".to_owned()));
    }
    let marked = |place: &RegisteredPlace| place.metadata.contains_key(REGISTERED);
    if !wanted.place.as_ref().is_none_or(marked) {
        return Err(DbError::Invalid(format!("a place needs '{REGISTERED}'")));
    }
    Ok(())
}
