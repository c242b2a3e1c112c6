//! Images whose data is somebody's object in Pithos: each is made, changed or brought back in one go.
//!
//! Their ids are the objects', so they are the only ids that are used again: an object that was
//! unregistered can be registered once more. What it was before is not seen again.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::image::{ImageStatus, Properties, Visibility};
use glance_core::location::LocationData;
use glance_core::wire::{REGISTERED, RegisteredPlace, Registration};

use super::clock::SqlTime;
use super::error::DbError;
use super::locations::{self, Location};
use super::members::make_members;
use super::rows::{ImageRecord, ImageRow};
use super::schema::{image_leases, images};
use super::{images as all_images, properties};

/// Makes, brings back or changes the image `id`; see [`Registration`].
///
/// [`DbError::NotFound`] if there is none and none is to be made, [`DbError::Conflict`] if it is, or
/// was, an image of another kind, [`DbError::Invalid`] if a new one lacks its owner or its place.
pub fn register(
    conn: &mut SqliteConnection,
    id: &ImageId,
    wanted: &Registration,
) -> Result<ImageRecord, DbError> {
    check_texts(wanted)?;
    let id = id.as_str();
    let now = SqlTime::now();
    let row: Option<ImageRow> = images::table.find(id).get_result(conn).optional()?;
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
    let row: ImageRow = images::table.find(id).get_result(conn)?;
    change(conn, &row, wanted, &now)?;
    if let Some(new) = &wanted.place {
        move_to(conn, id, place, new, &now)?;
    }
    set_properties(conn, id, wanted, &now)?;
    if let Some(members) = &wanted.members {
        make_members(conn, id, members, &now)?;
    }
    Ok(ImageRecord {
        row: images::table.find(id).get_result(conn)?,
        properties: properties::of(conn, id)?,
        locations: locations::of(conn, id)?,
    })
}

/// Marks the registration `id` and all that belongs to it deleted, so that nobody looks for data to
/// remove. [`DbError::NotFound`] if there is none.
pub fn unregister(conn: &mut SqliteConnection, id: &str) -> Result<(), DbError> {
    let row: Option<ImageRow> = images::table.find(id).get_result(conn).optional()?;
    let row = row.filter(is_live).ok_or(DbError::NotFound)?;
    if known_place(conn, &row)?.is_none() {
        return Err(DbError::NotFound);
    }
    diesel::update(images::table.find(id))
        .set(images::status.eq(ImageStatus::Deleted.as_str()))
        .execute(conn)?;
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
fn known_place(conn: &mut SqliteConnection, row: &ImageRow) -> QueryResult<Option<Location>> {
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
    conn: &mut SqliteConnection,
    id: &str,
    again: bool,
    wanted: &Registration,
    now: &SqlTime,
) -> Result<(), DbError> {
    if wanted.owner.is_none() || wanted.place.is_none() {
        let reason = "a registration needs an owner and a place";
        return Err(DbError::Invalid(reason.to_owned()));
    }
    let new = (
        images::status.eq(ImageStatus::Active.as_str()),
        images::created_at.eq(now.as_str()),
        images::updated_at.eq(now.as_str()),
        images::deleted.eq(false),
        images::min_disk.eq(0),
        images::min_ram.eq(0),
        images::protected.eq(false),
        images::visibility.eq(Visibility::Shared.as_str()),
    );
    if !again {
        diesel::insert_into(images::table)
            .values((images::id.eq(id), new))
            .execute(conn)?;
        return Ok(());
    }
    // Nobody may finish the deletion of what is there again.
    diesel::delete(image_leases::table.find(id)).execute(conn)?;
    diesel::update(images::table.find(id))
        .set((
            new,
            images::name.eq(None::<&str>),
            images::size.eq(None::<i64>),
            images::checksum.eq(None::<&str>),
            images::disk_format.eq(None::<&str>),
            images::container_format.eq(None::<&str>),
            images::virtual_size.eq(None::<i64>),
            images::deleted_at.eq(None::<&str>),
        ))
        .execute(conn)?;
    properties::forget(conn, id, |_| true, now)?;
    locations::delete_all(conn, id, now)?;
    make_members(conn, id, &[], now)?;
    Ok(())
}

fn change(
    conn: &mut SqliteConnection,
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
    diesel::update(images::table.find(&row.id))
        .set((
            wanted.name.as_ref().map(|name| images::name.eq(name)),
            wanted.size.map(|size| images::size.eq(size)),
            wanted.checksum.as_ref().map(|sum| images::checksum.eq(sum)),
            wanted
                .disk_format
                .as_ref()
                .map(|format| images::disk_format.eq(format)),
            wanted
                .container_format
                .as_ref()
                .map(|format| images::container_format.eq(format)),
            wanted.owner.as_ref().map(|owner| images::owner.eq(owner)),
            visibility.map(|visibility| images::visibility.eq(visibility.as_str())),
            images::updated_at.eq(updated_at),
        ))
        .execute(conn)
}

/// Changes the one location in place, so that following an object leaves no rows behind.
fn move_to(
    conn: &mut SqliteConnection,
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
    conn: &mut SqliteConnection,
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
