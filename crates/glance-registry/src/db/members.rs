//! With whom images are shared.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use glance_core::access;
use glance_core::identity::Identity;
use glance_core::member::{Member, SharedImage};

use super::clock::SqlTime;
use super::error::DbError;
use super::schema::image_members::{self, dsl};
use super::statement::{Bind, Statement};
use super::visible::visible;

/// One entry of a new list of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The tenant.
    pub member: String,
    /// May it share? None: as it was, or no.
    pub can_share: Option<bool>,
}

struct Row {
    id: i64,
    member: String,
    can_share: bool,
    deleted: bool,
}

/// The members of an image, in the order they were added. A member sees itself only, the owner and
/// administrators see all, and others of a public image nobody.
pub fn list_members(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
) -> Result<Vec<Member>, DbError> {
    let row = visible(conn, caller, image, false)?;
    let all = caller.is_admin || row.owner.as_deref() == caller.owner();
    let mut rows = rows(conn, image)?;
    rows.retain(|row| !row.deleted && (all || Some(row.member.as_str()) == caller.owner()));
    Ok(rows.into_iter().map(member).collect())
}

/// The images that are shared with `tenant`: the caller's own, and those shared with the caller.
pub fn shared_images(
    conn: &mut SqliteConnection,
    caller: &Identity,
    tenant: &str,
) -> Result<Vec<SharedImage>, DbError> {
    let sql = "SELECT m.id, m.image_id, m.can_share, i.owner \
         FROM image_members m INDEXED BY ix_list_members CROSS JOIN images i ON i.id = m.image_id \
         WHERE m.member = ? AND m.deleted = 0";
    let rows: Vec<(i64, String, bool, Option<String>)> =
        Statement::<(BigInt, Text, Bool, Nullable<Text>)>::kept(sql, vec![Bind::from(tenant)])
            .load(conn)?;
    let mut rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, _, _, owner)| {
            caller.is_admin || owner.as_deref() == caller.owner() || caller.owner() == Some(tenant)
        })
        .collect();
    rows.sort_by_key(|row| row.0);
    Ok(rows
        .into_iter()
        .map(|(_, image_id, can_share, _)| SharedImage {
            image_id,
            can_share,
        })
        .collect())
}

/// The memberships of an image that the caller may share.
struct Shared {
    rows: Vec<Row>,
    /// The caller may change the image. Who is only a member that may share knows of no other
    /// member, and so takes away nobody else's membership.
    owned: bool,
}

/// Checks that `caller` may share the image: [`DbError::NotSharable`] if not.
fn sharable(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
) -> Result<Shared, DbError> {
    let image_row = visible(conn, caller, image, false)?;
    let rows = rows(conn, image)?;
    let own = rows
        .iter()
        .find(|row| !row.deleted && Some(row.member.as_str()) == caller.owner())
        .map(|row| Member {
            member_id: row.member.clone(),
            can_share: row.can_share,
        });
    if !access::is_sharable(caller, image_row.owner.as_deref(), own.as_ref()) {
        return Err(DbError::NotSharable);
    }
    let owned = access::is_mutable(caller, image_row.owner.as_deref());
    Ok(Shared { rows, owned })
}

/// Whether `caller` may share the image: [`DbError::NotSharable`] if not.
pub fn check_sharable(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
) -> Result<(), DbError> {
    sharable(conn, caller, image).map(|_| ())
}

/// Shares an image with a tenant, or changes how. A removed member that is added again is back.
/// `quota`: how many members the image may have; a member that is there already counts as one more,
/// as in Glance.
pub fn add_member(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
    change: &MemberChange,
    quota: Option<u64>,
) -> Result<(), DbError> {
    let Shared { rows, .. } = sharable(conn, caller, image)?;
    let live = rows.iter().filter(|row| !row.deleted).count();
    check_quota(live + 1, quota)?;
    let now = SqlTime::now();
    match known(&rows, &change.member) {
        // Whoever was removed does not get an old right back unasked.
        Some(row) if row.deleted => revive(conn, row.id, change.can_share.unwrap_or(false), &now)?,
        Some(row) => revive(
            conn,
            row.id,
            change.can_share.unwrap_or(row.can_share),
            &now,
        )?,
        None => add(
            conn,
            image,
            &change.member,
            change.can_share.unwrap_or(false),
            &now,
        )?,
    };
    Ok(())
}

/// Makes `changes` the image's list of members. Of several entries for one tenant the last counts.
/// From a member that may share, this concerns its own membership and those it names (Glance's
/// behaviour).
/// Tenants that are, or were, members keep their right to share unless it is named.
pub fn replace_members(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
    changes: &[MemberChange],
    quota: Option<u64>,
) -> Result<(), DbError> {
    let Shared { rows, owned } = sharable(conn, caller, image)?;
    let wanted = |member: &str| changes.iter().rev().find(|change| change.member == member);
    let replaced = |row: &&Row| owned || Some(row.member.as_str()) == caller.owner();
    let live = || rows.iter().filter(|row| !row.deleted);
    let stay = live().filter(|row| !replaced(row) && wanted(&row.member).is_none());
    check_quota(changes.len() + stay.count(), quota)?;
    let now = SqlTime::now();
    for row in live().filter(replaced) {
        let kept = known(&rows, &row.member).is_some_and(|known| known.id == row.id);
        if !kept || wanted(&row.member).is_none() {
            remove(conn, row.id, &now)?;
        }
    }
    let mut done: Vec<&str> = Vec::new();
    for change in changes {
        if done.contains(&change.member.as_str()) {
            continue;
        }
        done.push(&change.member);
        let can_share = wanted(&change.member).and_then(|change| change.can_share);
        match known(&rows, &change.member) {
            Some(row) => revive(conn, row.id, can_share.unwrap_or(row.can_share), &now)?,
            None => add(
                conn,
                image,
                &change.member,
                can_share.unwrap_or(false),
                &now,
            )?,
        };
    }
    Ok(())
}

/// Makes exactly these the members of an image, whoever asks. Those that are members keep what they
/// may; a row that is right is not touched.
pub(super) fn make_members(
    conn: &mut SqliteConnection,
    image: &str,
    wanted: &[String],
    now: &SqlTime,
) -> QueryResult<()> {
    let rows = rows(conn, image)?;
    for row in rows.iter().filter(|row| !row.deleted) {
        if !wanted.contains(&row.member) {
            remove(conn, row.id, now)?;
        }
    }
    for (index, member) in wanted.iter().enumerate() {
        match known(&rows, member) {
            _ if wanted[..index].contains(member) => 0,
            Some(row) if row.deleted => revive(conn, row.id, false, now)?,
            Some(_) => 0,
            None => add(conn, image, member, false, now)?,
        };
    }
    Ok(())
}

/// Takes an image away from a tenant.
pub fn remove_member(
    conn: &mut SqliteConnection,
    caller: &Identity,
    image: &str,
    member: &str,
) -> Result<(), DbError> {
    let Shared { rows, .. } = sharable(conn, caller, image)?;
    let now = SqlTime::now();
    let mut removed = false;
    for row in rows
        .iter()
        .filter(|row| !row.deleted && row.member == member)
    {
        remove(conn, row.id, &now)?;
        removed = true;
    }
    if removed {
        Ok(())
    } else {
        Err(DbError::NoMember)
    }
}

fn member(row: Row) -> Member {
    Member {
        member_id: row.member,
        can_share: row.can_share,
    }
}

/// The row that stands for a tenant: a live one before a removed one.
fn known<'a>(rows: &'a [Row], member: &str) -> Option<&'a Row> {
    let mut candidates = rows.iter().filter(|row| row.member == member);
    candidates
        .clone()
        .find(|row| !row.deleted)
        .or_else(|| candidates.next())
}

fn check_quota(attempted: usize, quota: Option<u64>) -> Result<(), DbError> {
    let attempted = u64::try_from(attempted).unwrap_or(u64::MAX);
    match quota {
        Some(maximum) if attempted > maximum => Err(DbError::too_many_members(attempted, maximum)),
        _ => Ok(()),
    }
}

fn rows(conn: &mut SqliteConnection, image: &str) -> QueryResult<Vec<Row>> {
    let rows: Vec<(i64, String, bool, bool)> = image_members::table
        .filter(dsl::image_id.eq(image))
        .order(dsl::id)
        .select((dsl::id, dsl::member, dsl::can_share, dsl::deleted))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, member, can_share, deleted)| Row {
            id,
            member,
            can_share,
            deleted,
        })
        .collect())
}

fn add(
    conn: &mut SqliteConnection,
    image: &str,
    member: &str,
    can_share: bool,
    now: &SqlTime,
) -> QueryResult<usize> {
    diesel::insert_into(image_members::table)
        .values((
            dsl::image_id.eq(image),
            dsl::member.eq(member),
            dsl::can_share.eq(can_share),
            dsl::created_at.eq(now.as_str()),
            dsl::updated_at.eq(now.as_str()),
            dsl::deleted.eq(false),
            dsl::status.eq("pending"),
        ))
        .execute(conn)
}

fn revive(
    conn: &mut SqliteConnection,
    id: i64,
    can_share: bool,
    now: &SqlTime,
) -> QueryResult<usize> {
    diesel::update(image_members::table.find(id))
        .set((
            dsl::can_share.eq(can_share),
            dsl::deleted.eq(false),
            dsl::deleted_at.eq(None::<&str>),
            dsl::updated_at.eq(now.as_str()),
        ))
        .execute(conn)
}

fn remove(conn: &mut SqliteConnection, id: i64, now: &SqlTime) -> QueryResult<usize> {
    diesel::update(image_members::table.find(id))
        .set((
            dsl::deleted.eq(true),
            dsl::deleted_at.eq(now.as_str()),
            dsl::updated_at.eq(now.as_str()),
        ))
        .execute(conn)
}
