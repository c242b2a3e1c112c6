//! Leases: which API daemon works on an image that is not in a steady state.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use glance_core::identity::Identity;

use super::clock::database_now;
use super::error::DbError;
use super::schema::image_leases::{self, dsl};
use super::statement::{Bind, Statement};
use super::visible::mutable;

/// A lease as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The daemon.
    pub holder: String,
    /// Seconds from now on.
    pub seconds: u32,
    /// The store that the data goes to.
    pub store: String,
    /// Bytes that count against the owner's quota.
    pub bytes: i64,
    /// The owner's quota.
    pub quota: Option<i64>,
}

/// Takes or renews the lease of an image that waits for data. [`DbError::Conflict`]: the image does
/// not, or another daemon holds it. [`DbError::StorageFull`]: the bytes do not fit the quota, with
/// what the owner's images have and what other uploads have reserved.
pub fn acquire(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
    lease: &Lease,
) -> Result<(), DbError> {
    let row = mutable(conn, caller, image)?;
    if row.deleted || !matches!(row.status.as_str(), "queued" | "saving") {
        return Err(DbError::Conflict);
    }
    let now = database_now(conn)?;
    let present: Option<(String, i64)> = image_leases::table
        .find(image)
        .select((dsl::holder, dsl::expires_at))
        .get_result(conn)
        .optional()?;
    if let Some((holder, expires_at)) = present
        && holder != lease.holder
        // The lease of a dead upload is recovery's to take.
        && (expires_at > now || row.status == "saving")
    {
        return Err(DbError::Conflict);
    }
    if let Some(quota) = lease.quota {
        let used = used(conn, row.owner.as_deref(), image, now)?;
        let remaining = quota.saturating_sub(used).max(0);
        if lease.bytes > remaining {
            return Err(DbError::StorageFull {
                bytes: lease.bytes.unsigned_abs(),
                remaining: remaining.unsigned_abs(),
            });
        }
    }
    put(
        conn,
        image,
        &lease.holder,
        Some(&lease.store),
        lease.bytes,
        end(now, lease.seconds),
    )?;
    Ok(())
}

/// Renews the leases of one daemon. Gives back the images that it does not hold any more, or that
/// do not wait for data any more.
pub fn renew(
    conn: &mut SqliteConnection,
    holder: &str,
    seconds: u32,
    wanted: &[String],
) -> Result<Vec<String>, DbError> {
    let now = database_now(conn)?;
    let sql = "SELECT e.image_id FROM image_leases e CROSS JOIN images i ON i.id = e.image_id \
         WHERE e.holder = ? AND i.deleted = 0 AND i.status IN ('queued', 'saving')";
    let held: Vec<String> = Statement::<Text>::kept(sql, vec![Bind::from(holder)]).load(conn)?;
    let mut lost = Vec::new();
    for image in wanted {
        if !held.contains(image) {
            lost.push(image.clone());
            continue;
        }
        diesel::update(image_leases::table.find(image))
            .set(dsl::expires_at.eq(end(now, seconds)))
            .execute(conn)?;
    }
    Ok(lost)
}

/// Gives up a lease; no error if there is none, or another daemon has it. Administrators and whoever
/// may change the image may do so, also when it is deleted by now.
pub fn release(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
    holder: &str,
) -> Result<(), DbError> {
    match mutable(conn, caller, image) {
        Ok(_) | Err(DbError::NotFound) => {}
        Err(other) => return Err(other),
    }
    // Only who knows the holder's random name gets here with an effect.
    diesel::delete(
        image_leases::table
            .find(image)
            .filter(dsl::holder.eq(holder)),
    )
    .execute(conn)?;
    Ok(())
}

/// When a lease of `seconds` runs out.
pub(super) fn end(now: i64, seconds: u32) -> i64 {
    now.saturating_add(i64::from(seconds) * 1_000_000)
}

/// Writes a lease; without a `store`, that of the lease before it stays.
pub(super) fn put(
    conn: &mut SqliteConnection,
    image: &str,
    holder: &str,
    store: Option<&str>,
    bytes: i64,
    expires_at: i64,
) -> QueryResult<()> {
    let update = (
        dsl::holder.eq(holder),
        dsl::bytes.eq(bytes),
        dsl::expires_at.eq(expires_at),
        dsl::epoch.eq(dsl::epoch + 1),
        store.map(|store| dsl::store.eq(store)),
    );
    let changed = diesel::update(image_leases::table.find(image))
        .set(update)
        .execute(conn)?;
    if changed == 0 {
        diesel::insert_into(image_leases::table)
            .values((
                dsl::image_id.eq(image),
                dsl::holder.eq(holder),
                dsl::store.eq(store.unwrap_or("")),
                dsl::bytes.eq(bytes),
                dsl::expires_at.eq(expires_at),
                dsl::epoch.eq(1),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// What an owner's images take and reserve: sizes once for each place where their data is (Glance's
/// rule), and the bytes of uploads that run, but for `except`.
fn used(
    conn: &mut SqliteConnection,
    owner: Option<&str>,
    except: &str,
    now: i64,
) -> QueryResult<i64> {
    let (condition, mut binds) = match owner {
        Some(owner) => ("i.owner = ?", vec![Bind::from(owner)]),
        None => ("i.owner IS NULL", Vec::new()),
    };
    binds.push(Bind::from(except));
    let stored = format!(
        "SELECT SUM(i.size * (SELECT COUNT(*) FROM image_locations l \
         WHERE l.image_id = i.id AND l.status <> 'deleted')) FROM images i \
         WHERE {condition} AND i.id <> ? AND i.size > 0 \
         AND i.status NOT IN ('killed', 'deleted')"
    );
    let stored: Option<i64> =
        Statement::<Nullable<BigInt>>::kept(stored, binds.clone()).get_result(conn)?;
    binds.push(Bind::from(now));
    let reserved = format!(
        "SELECT SUM(e.bytes) FROM image_leases e JOIN images i ON i.id = e.image_id \
         WHERE {condition} AND e.image_id <> ? AND e.expires_at > ? \
         AND i.status IN ('queued', 'saving')"
    );
    let reserved: Option<i64> =
        Statement::<Nullable<BigInt>>::kept(reserved, binds).get_result(conn)?;
    Ok(stored.unwrap_or(0).saturating_add(reserved.unwrap_or(0)))
}
