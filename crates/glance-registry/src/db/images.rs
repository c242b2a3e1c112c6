//! Images: to find, insert, update and delete one.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sqlite::SqliteConnection;
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::image::{ImageStatus, Properties, Visibility};

use super::clock::SqlTime;
use super::error::DbError;
use super::live::live;
use super::locations::{self, Location};
use super::properties;
use super::rows::{ImageRecord, ImageRow};
use super::schema::{image_members, image_properties, image_tags, images};
use super::snapshot;
use super::status::{may_follow, may_upload};
use super::visible::{mutable, visible};

/// What a request sets; an absent field stays as it is, `Some(None)` makes it null.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Name.
    pub name: Option<Option<String>>,
    /// State.
    pub status: Option<ImageStatus>,
    /// Bytes.
    pub size: Option<Option<i64>>,
    /// MD5, hexadecimal.
    pub checksum: Option<Option<String>>,
    /// Format of the disk.
    pub disk_format: Option<Option<String>>,
    /// Format of the container.
    pub container_format: Option<Option<String>>,
    /// GiB.
    pub min_disk: Option<i64>,
    /// MiB.
    pub min_ram: Option<i64>,
    /// Who sees it.
    pub visibility: Option<Visibility>,
    /// Whom it belongs to.
    pub owner: Option<Option<String>>,
    /// Must not be deleted.
    pub protected: Option<bool>,
    /// Bytes of the disk that it describes.
    pub virtual_size: Option<Option<i64>>,
    /// Properties to set.
    pub properties: Properties,
    /// Locations to have; none named: as they are.
    pub locations: Vec<Location>,
}

/// An image to be.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// Its identifier, never used before.
    pub id: ImageId,
    /// Its state.
    pub status: ImageStatus,
    /// When it was registered, if not now.
    pub created_at: Option<SqlTime>,
    /// When it changed last, if not now.
    pub updated_at: Option<SqlTime>,
    /// The rest.
    pub values: Values,
    /// How many properties it may have.
    pub property_quota: Option<u64>,
}

/// A change of an image.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// What changes.
    pub values: Values,
    /// The state it must be in; any text, for Glance compares it as it comes.
    pub from_state: Option<String>,
    /// Whether properties that are not named go.
    pub purge_properties: bool,
    /// How many properties it may have afterwards.
    pub property_quota: Option<u64>,
}

#[derive(Insertable)]
#[diesel(table_name = images)]
struct NewRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    size: Option<i64>,
    status: &'a str,
    created_at: &'a str,
    updated_at: Option<&'a str>,
    deleted: bool,
    disk_format: Option<&'a str>,
    container_format: Option<&'a str>,
    checksum: Option<&'a str>,
    owner: Option<&'a str>,
    min_disk: i64,
    min_ram: i64,
    protected: bool,
    virtual_size: Option<i64>,
    visibility: &'a str,
}

#[derive(AsChangeset)]
#[diesel(table_name = images)]
struct Changes<'a> {
    name: Option<Option<&'a str>>,
    size: Option<Option<i64>>,
    status: Option<&'a str>,
    updated_at: Option<Option<&'a str>>,
    disk_format: Option<Option<&'a str>>,
    container_format: Option<Option<&'a str>>,
    checksum: Option<Option<&'a str>>,
    owner: Option<Option<&'a str>>,
    min_disk: Option<i64>,
    min_ram: Option<i64>,
    protected: Option<bool>,
    virtual_size: Option<Option<i64>>,
    visibility: Option<&'a str>,
}

/// The image `id` as `caller` may see it.
pub fn find(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
) -> Result<ImageRecord, DbError> {
    snapshot(conn, |conn| {
        let row = visible(conn, caller, id, false)?;
        complete(conn, caller, row)
    })
}

/// Adds an image. Ids are never used again: [`DbError::Duplicate`] for those of deleted images, too.
pub fn insert(
    conn: &mut SqliteConnection,
    caller: &Identity,
    new: &NewImage,
) -> Result<ImageRecord, DbError> {
    let now = SqlTime::now();
    let values = &new.values;
    let id = new.id.as_str();
    let row = NewRow {
        id,
        name: flat(&values.name),
        size: values.size.flatten(),
        status: new.status.as_str(),
        created_at: new.created_at.as_ref().unwrap_or(&now).as_str(),
        updated_at: Some(new.updated_at.as_ref().unwrap_or(&now).as_str()),
        deleted: false,
        disk_format: flat(&values.disk_format),
        container_format: flat(&values.container_format),
        checksum: flat(&values.checksum),
        owner: flat(&values.owner).filter(|owner| !owner.is_empty()),
        min_disk: values.min_disk.unwrap_or(0),
        min_ram: values.min_ram.unwrap_or(0),
        protected: values.protected.unwrap_or(false),
        virtual_size: values.virtual_size.flatten(),
        visibility: values.visibility.unwrap_or(Visibility::Shared).as_str(),
    };
    match diesel::insert_into(images::table).values(row).execute(conn) {
        Ok(_) => {}
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            return Err(DbError::Duplicate);
        }
        Err(error) => return Err(error.into()),
    }
    properties::set(
        conn,
        id,
        &values.properties,
        false,
        new.property_quota,
        &now,
    )?;
    if !values.locations.is_empty() {
        locations::set(conn, id, &values.locations, &now)?;
    }
    let row = images::table.find(id).get_result(conn)?;
    complete(conn, caller, row)
}

/// Changes the image `id`. The transition is made only from the state that was asked for, and only
/// if the state machine has it; otherwise [`DbError::Conflict`].
pub fn update(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
    update: &Update,
) -> Result<ImageRecord, DbError> {
    let row = mutable(conn, caller, id)?;
    let values = &update.values;
    if update
        .from_state
        .as_ref()
        .is_some_and(|state| *state != row.status)
    {
        return Err(DbError::Conflict);
    }
    if let Some(status) = values.status {
        check_transition(conn, &row, status)?;
    }
    check_data(conn, caller, &row, values)?;
    let now = SqlTime::now();
    let changes = Changes {
        name: values.name.as_ref().map(Option::as_deref),
        size: values.size,
        status: values.status.map(ImageStatus::as_str),
        // Also where only a property changes.
        updated_at: Some(Some(now.as_str())),
        disk_format: values.disk_format.as_ref().map(Option::as_deref),
        container_format: values.container_format.as_ref().map(Option::as_deref),
        checksum: values.checksum.as_ref().map(Option::as_deref),
        owner: values
            .owner
            .as_ref()
            .map(|owner| owner.as_deref().filter(|owner| !owner.is_empty())),
        min_disk: values.min_disk,
        min_ram: values.min_ram,
        protected: values.protected,
        virtual_size: values.virtual_size,
        visibility: values.visibility.map(Visibility::as_str),
    };
    // Compare and swap: another process may have changed the row since it was read.
    let changed = diesel::update(
        images::table
            .find(id)
            .filter(images::status.eq(&row.status)),
    )
    .set(changes)
    .execute(conn)?;
    if changed == 0 {
        return Err(DbError::Conflict);
    }
    properties::set(
        conn,
        id,
        &values.properties,
        update.purge_properties,
        update.property_quota,
        &now,
    )?;
    if !values.locations.is_empty() {
        locations::set(conn, id, &values.locations, &now)?;
    }
    let row = images::table.find(id).get_result(conn)?;
    complete(conn, caller, row)
}

/// Marks the image `id` and all that belongs to it deleted; its status stays. Doing it again is no
/// error for an administrator.
pub fn delete(
    conn: &mut SqliteConnection,
    caller: &Identity,
    id: &str,
) -> Result<ImageRecord, DbError> {
    mutable(conn, caller, id)?;
    let now = SqlTime::now();
    let (deleted, at) = (true, Some(now.as_str()));
    diesel::update(images::table.find(id))
        .set((
            images::deleted.eq(deleted),
            images::deleted_at.eq(at),
            images::updated_at.eq(at),
        ))
        .execute(conn)?;
    locations::delete_all(conn, id, &now)?;
    diesel::update(image_properties::table)
        .filter(image_properties::image_id.eq(id))
        .filter(live())
        .set((
            image_properties::deleted.eq(deleted),
            image_properties::deleted_at.eq(at),
        ))
        .execute(conn)?;
    diesel::update(image_members::table)
        .filter(image_members::image_id.eq(id))
        .filter(live())
        .set((
            image_members::deleted.eq(deleted),
            image_members::deleted_at.eq(at),
        ))
        .execute(conn)?;
    diesel::update(image_tags::table)
        .filter(image_tags::image_id.eq(id))
        .filter(live())
        .set((
            image_tags::deleted.eq(deleted),
            image_tags::deleted_at.eq(at),
        ))
        .execute(conn)?;
    let row = images::table.find(id).get_result(conn)?;
    Ok(ImageRecord {
        row,
        properties: Properties::new(),
        locations: Vec::new(),
    })
}

/// Adds what belongs to an image. Locations of deactivated images are the administrator's only.
fn complete(
    conn: &mut SqliteConnection,
    caller: &Identity,
    row: ImageRow,
) -> Result<ImageRecord, DbError> {
    let properties = properties::of(conn, &row.id)?;
    let hidden = row.status == "deactivated" && !caller.is_admin;
    let locations = if hidden {
        Vec::new()
    } else {
        locations::of(conn, &row.id)?
    };
    Ok(ImageRecord {
        row,
        properties,
        locations,
    })
}

fn check_transition(
    conn: &mut SqliteConnection,
    row: &ImageRow,
    to: ImageStatus,
) -> Result<(), DbError> {
    // A status that we do not know came from a newer Glance; nothing is known of its successors.
    let from: ImageStatus = row.status.parse().map_err(|_| DbError::Conflict)?;
    if !may_follow(from, to) {
        return Err(DbError::Conflict);
    }
    if to == ImageStatus::Saving && !may_upload(locations::of(conn, &row.id)?.len()) {
        return Err(DbError::Conflict);
    }
    Ok(())
}

/// The data of an active image never changes; only an administrator may correct what is said of it.
fn check_data(
    conn: &mut SqliteConnection,
    caller: &Identity,
    row: &ImageRow,
    values: &Values,
) -> Result<(), DbError> {
    if caller.is_admin || !matches!(row.status.as_str(), "active" | "deactivated") {
        return Ok(());
    }
    let same_size = values.size.is_none_or(|size| size == row.size);
    let same_sum = values
        .checksum
        .as_ref()
        .is_none_or(|checksum| *checksum == row.checksum);
    if !same_size || !same_sum {
        return Err(DbError::Forbidden);
    }
    if values.locations.is_empty() {
        return Ok(());
    }
    let present = locations::of(conn, &row.id)?;
    let same = values.locations.len() == present.len()
        && values
            .locations
            .iter()
            .zip(&present)
            .all(|(new, old)| new.url == old.url);
    if same || present.is_empty() {
        Ok(())
    } else {
        Err(DbError::Forbidden)
    }
}

fn flat(field: &Option<Option<String>>) -> Option<&str> {
    field.as_ref().and_then(Option::as_deref)
}
