//! Leases: which API daemon works on an image that is not in a steady state.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{OptionalExtension, QueryResult};
use glance_core::identity::Identity;

use super::clock::database_now;
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
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
    conn: &mut Conn,
    caller: &Identity,
    image: &str,
    lease: &Lease,
) -> Result<(), DbError> {
    let row = mutable(conn, caller, image)?;
    if row.deleted || !matches!(row.status.as_str(), "queued" | "saving") {
        return Err(DbError::Conflict);
    }
    let now = database_now(conn)?;
    // Before the lease is looked at: what other uploads of the owner reserve must not change.
    if lease.quota.is_some() {
        conn.alone(&format!(
            "quota {}",
            row.owner.as_deref().unwrap_or_default()
        ))?;
    }
    let sql = format!(
        "SELECT holder, expires_at FROM image_leases WHERE image_id = ?{}",
        conn.row_lock()
    );
    let present: Option<(String, i64)> =
        Statement::<(Text, BigInt)>::kept(sql, vec![Bind::from(image)])
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
    conn: &mut Conn,
    holder: &str,
    seconds: u32,
    wanted: &[String],
) -> Result<Vec<String>, DbError> {
    let now = database_now(conn)?;
    let engine = conn.engine();
    let sql = format!(
        "SELECT e.image_id FROM image_leases e {} images i ON i.id = e.image_id \
         WHERE e.holder = ? AND i.deleted = {} AND i.status IN ('queued', 'saving')",
        engine.then_join(),
        engine.flag(false)
    );
    let held: Vec<String> = Statement::<Text>::kept(sql, vec![Bind::from(holder)]).load(conn)?;
    let mut lost = Vec::new();
    for image in wanted {
        if !held.contains(image) {
            lost.push(image.clone());
            continue;
        }
        // Recovery may have given it to another one since.
        let renewed = Columns::of("image_leases")
            .set("expires_at", end(now, seconds))
            .update(
                conn,
                "image_id = ? AND holder = ?",
                vec![Bind::from(image.as_str()), Bind::from(holder)],
            )?;
        if renewed == 0 {
            lost.push(image.clone());
        }
    }
    Ok(lost)
}

/// Gives up a lease; no error if there is none, or another daemon has it. Administrators and whoever
/// may change the image may do so, also when it is deleted by now.
pub fn release(
    conn: &mut Conn,
    caller: &Identity,
    image: &str,
    holder: &str,
) -> Result<(), DbError> {
    match mutable(conn, caller, image) {
        Ok(_) | Err(DbError::NotFound) => {}
        Err(other) => return Err(other),
    }
    // Only who knows the holder's random name gets here with an effect.
    let sql = "DELETE FROM image_leases WHERE image_id = ? AND holder = ?";
    Statement::kept(sql, vec![Bind::from(image), Bind::from(holder)]).execute(conn)?;
    Ok(())
}

/// When a lease of `seconds` runs out.
pub(super) fn end(now: i64, seconds: u32) -> i64 {
    now.saturating_add(i64::from(seconds) * 1_000_000)
}

/// Writes a lease; without a `store`, that of the lease before it stays.
pub(super) fn put(
    conn: &mut Conn,
    image: &str,
    holder: &str,
    store: Option<&str>,
    bytes: i64,
    expires_at: i64,
) -> QueryResult<()> {
    let mut sql =
        "UPDATE image_leases SET holder = ?, bytes = ?, expires_at = ?, epoch = epoch + 1"
            .to_owned();
    let mut binds = vec![
        Bind::from(holder),
        Bind::from(bytes),
        Bind::from(expires_at),
    ];
    if let Some(store) = store {
        sql.push_str(", store = ?");
        binds.push(Bind::from(store));
    }
    sql.push_str(" WHERE image_id = ?");
    binds.push(Bind::from(image));
    let changed = Statement::kept(sql, binds).execute(conn)?;
    if changed == 0 {
        Columns::of("image_leases")
            .set("image_id", image)
            .set("holder", holder)
            .set("store", store.unwrap_or(""))
            .set("bytes", bytes)
            .set("expires_at", expires_at)
            .set("epoch", 1)
            .insert(conn)?;
    }
    Ok(())
}

/// What an owner's images take and reserve: sizes once for each place where their data is (Glance's
/// rule), and the bytes of uploads that run, but for `except`.
///
/// One statement, which sees one moment: an upload that ends between two would be missed by both.
fn used(conn: &mut Conn, owner: Option<&str>, except: &str, now: i64) -> QueryResult<i64> {
    let (condition, mut owned) = match owner {
        Some(owner) => ("i.owner = ?", vec![Bind::from(owner)]),
        None => ("i.owner IS NULL", Vec::new()),
    };
    owned.push(Bind::from(except));
    let engine = conn.engine();
    let stored = engine.whole(
        "SUM(i.size * (SELECT COUNT(*) FROM image_locations l \
         WHERE l.image_id = i.id AND l.status <> 'deleted'))",
    );
    let reserved = engine.whole("SUM(e.bytes)");
    let sql = format!(
        "SELECT (SELECT {stored} FROM images i \
         WHERE {condition} AND i.id <> ? AND i.size > 0 \
         AND i.status NOT IN ('killed', 'deleted')), \
         (SELECT {reserved} FROM image_leases e JOIN images i ON i.id = e.image_id \
         WHERE {condition} AND e.image_id <> ? AND e.expires_at > ? \
         AND i.status IN ('queued', 'saving'))"
    );
    let mut binds = owned.clone();
    binds.extend(owned);
    binds.push(Bind::from(now));
    let (stored, reserved): (Option<i64>, Option<i64>) =
        Statement::<(Nullable<BigInt>, Nullable<BigInt>)>::kept(sql, binds).get_result(conn)?;
    Ok(stored.unwrap_or(0).saturating_add(reserved.unwrap_or(0)))
}
