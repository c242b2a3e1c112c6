//! Images: to find, insert, update and delete one.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::image::{ImageStatus, Properties, Visibility};

use super::clock::SqlTime;
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
use super::locations::{self, Location};
use super::members;
use super::properties;
use super::records::{self, ImageRecord};
use super::rows::{self, ImageRow};
use super::statement::Bind;
use super::status::{may_follow, may_upload};
use super::visible::{check_visible, known, mutable};

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

/// The image `id` as `caller` may see it; without its locations unless `locations` are wanted.
pub fn find(
    conn: &mut Conn,
    caller: &Identity,
    id: &str,
    locations: bool,
) -> Result<ImageRecord, DbError> {
    let found = records::by_id(conn, known(id)?, locations)?.ok_or(DbError::NotFound)?;
    check_visible(conn, caller, &found.row, false)?;
    Ok(found.seen_by(caller))
}

/// Adds an image. Ids are never used again: [`DbError::Duplicate`] for those of deleted images, too,
/// also when their rows have been purged.
pub fn insert(conn: &mut Conn, caller: &Identity, new: &NewImage) -> Result<ImageRecord, DbError> {
    let now = SqlTime::now();
    let values = &new.values;
    let id = new.id.as_str();
    let visibility = values.visibility.unwrap_or(Visibility::Shared);
    let row = Columns::of("images")
        .set("id", id)
        .set("name", flat(&values.name))
        .set("size", values.size.flatten())
        .set("status", new.status.as_str())
        .set("created_at", new.created_at.as_ref().unwrap_or(&now))
        .set("updated_at", new.updated_at.as_ref().unwrap_or(&now))
        .set("deleted", false)
        .set("disk_format", flat(&values.disk_format))
        .set("container_format", flat(&values.container_format))
        .set("checksum", flat(&values.checksum))
        .set(
            "owner",
            flat(&values.owner).filter(|owner| !owner.is_empty()),
        )
        .set("min_disk", values.min_disk.unwrap_or(0))
        .set("min_ram", values.min_ram.unwrap_or(0))
        .set("protected", values.protected.unwrap_or(false))
        .set("virtual_size", values.virtual_size.flatten())
        .set("visibility", visibility.as_str());
    match row.insert(conn) {
        Ok(_) => {}
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            return Err(DbError::Duplicate);
        }
        Err(error) => return Err(error.into()),
    }
    properties::check_count(values.properties.len(), new.property_quota)?;
    properties::set(conn, id, &values.properties, false, None, &now)?;
    if !values.locations.is_empty() {
        locations::set(conn, id, &values.locations, &now)?;
    }
    let record = records::unless_retired(conn, id)?.ok_or(DbError::Duplicate)?;
    Ok(record.seen_by(caller))
}

/// Changes the image `id`. The transition is made only from the state that was asked for, and only
/// if the state machine has it; otherwise [`DbError::Conflict`].
pub fn update(
    conn: &mut Conn,
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
    let owner = values.owner.as_ref();
    let changes = Columns::of("images")
        .maybe("name", values.name.as_ref().map(Option::as_deref))
        .maybe("size", values.size)
        .maybe("status", values.status.map(ImageStatus::as_str))
        // Also where only a property changes.
        .set("updated_at", &now)
        .maybe(
            "disk_format",
            values.disk_format.as_ref().map(Option::as_deref),
        )
        .maybe(
            "container_format",
            values.container_format.as_ref().map(Option::as_deref),
        )
        .maybe("checksum", values.checksum.as_ref().map(Option::as_deref))
        .maybe(
            "owner",
            owner.map(|owner| owner.as_deref().filter(|owner| !owner.is_empty())),
        )
        .maybe("min_disk", values.min_disk)
        .maybe("min_ram", values.min_ram)
        .maybe("protected", values.protected)
        .maybe("virtual_size", values.virtual_size)
        .maybe("visibility", values.visibility.map(Visibility::as_str));
    // Compare and swap: another process may have changed the row since it was read.
    let unchanged = vec![Bind::from(id), Bind::from(row.status.as_str())];
    let changed = changes.update(conn, "id = ? AND status = ?", unchanged)?;
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
    if row.status == ImageStatus::PendingDelete.as_str()
        && values.status == Some(ImageStatus::Deleted)
    {
        locations::scrubbed(conn, id, &now)?;
    }
    Ok(records::again(conn, id)?.seen_by(caller))
}

/// Marks the image `id` and all that belongs to it deleted; its status stays. Doing it again is no
/// error for an administrator.
pub fn delete(conn: &mut Conn, caller: &Identity, id: &str) -> Result<ImageRecord, DbError> {
    mutable(conn, caller, id)?;
    let now = SqlTime::now();
    let gone = |table| {
        Columns::of(table)
            .set("deleted", true)
            .set("deleted_at", &now)
    };
    gone("images")
        .set("updated_at", &now)
        .update(conn, "id = ?", vec![Bind::from(id)])?;
    locations::delete_all(conn, id, &now)?;
    let live = format!("image_id = ? AND {}", conn.engine().live());
    members::settle(conn, id, &now)?;
    for table in ["image_properties", "image_members", "image_tags"] {
        gone(table).update(conn, &live, vec![Bind::from(id)])?;
    }
    let row = rows::again(conn, id)?;
    Ok(ImageRecord {
        row,
        properties: Properties::new(),
        locations: Vec::new(),
    })
}

fn check_transition(conn: &mut Conn, row: &ImageRow, to: ImageStatus) -> Result<(), DbError> {
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
    conn: &mut Conn,
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
