//! With whom images are shared.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::sql_types::{Bool, Text};
use glance_core::access;
use glance_core::identity::Identity;
use glance_core::member::{Member, SharedImage};

use super::clock::SqlTime;
use super::columns::Columns;
use super::conditions::Conditions;
use super::conn::Conn;
use super::error::DbError;
use super::rows::Whole;
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
    conn: &mut Conn,
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
    conn: &mut Conn,
    caller: &Identity,
    tenant: &str,
) -> Result<Vec<SharedImage>, DbError> {
    let engine = conn.engine();
    let mut from = format!("image_members m {}", engine.by_index("ix_list_members"));
    let mut wanted = Conditions::default();
    let live = engine.flag(false);
    wanted.with(&format!("m.member = ? AND m.deleted = {live}"), tenant);
    // Who sees all of them may have very many: no image is looked at for that.
    if !caller.is_admin && caller.owner() != Some(tenant) {
        let join = engine.then_join();
        from.push_str(&format!(" {join} images i ON i.id = m.image_id"));
        match caller.owner() {
            Some(owner) => wanted.with("i.owner = ?", owner),
            None => wanted.add("i.owner IS NULL"),
        }
    }
    let Conditions { text, binds } = wanted;
    let sql = format!("SELECT m.id, m.image_id, m.can_share FROM {from} WHERE {text}");
    let mut rows: Vec<(i64, String, bool)> =
        Statement::<(Whole, Text, Bool)>::kept(sql, binds).load(conn)?;
    rows.sort_by_key(|(id, _, _)| *id);
    Ok(rows
        .into_iter()
        .map(|(_, image_id, can_share)| SharedImage {
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
fn sharable(conn: &mut Conn, caller: &Identity, image: &str) -> Result<Shared, DbError> {
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
pub fn check_sharable(conn: &mut Conn, caller: &Identity, image: &str) -> Result<(), DbError> {
    sharable(conn, caller, image).map(|_| ())
}

/// Shares an image with a tenant, or changes how. A removed member that is added again is back.
/// `quota`: how many members the image may have; a member that is there already counts as one more,
/// as in Glance.
pub fn add_member(
    conn: &mut Conn,
    caller: &Identity,
    image: &str,
    change: &MemberChange,
    quota: Option<u64>,
) -> Result<(), DbError> {
    let Shared { rows, .. } = sharable(conn, caller, image)?;
    let live = rows.iter().filter(|row| !row.deleted).count();
    check_quota(live + 1, quota)?;
    let now = SqlTime::now();
    match asked(conn, image, &rows, &change.member)? {
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
    conn: &mut Conn,
    caller: &Identity,
    image: &str,
    changes: &[MemberChange],
    quota: Option<u64>,
) -> Result<(), DbError> {
    let Shared { rows, owned } = sharable(conn, caller, image)?;
    let rows = once_each(conn, rows)?;
    let wanted = |member: &str| changes.iter().rev().find(|change| change.member == member);
    let replaced = |row: &&Row| owned || Some(row.member.as_str()) == caller.owner();
    let live = || rows.iter().filter(|row| !row.deleted);
    let stay = live().filter(|row| !replaced(row) && wanted(&row.member).is_none());
    check_quota(changes.len() + stay.count(), quota)?;
    let now = SqlTime::now();
    for row in live().filter(replaced) {
        let kept = known(&rows, &row.member).is_some_and(|known| known.id == row.id);
        if !kept || wanted(&row.member).is_none() {
            remove(conn, image, row, &now)?;
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
    conn: &mut Conn,
    image: &str,
    wanted: &[String],
    now: &SqlTime,
) -> QueryResult<()> {
    let rows = rows(conn, image)?;
    let rows = once_each(conn, rows)?;
    for row in rows.iter().filter(|row| !row.deleted) {
        if !wanted.contains(&row.member) {
            remove(conn, image, row, now)?;
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
    conn: &mut Conn,
    caller: &Identity,
    image: &str,
    member: &str,
) -> Result<(), DbError> {
    let Shared { rows, .. } = sharable(conn, caller, image)?;
    let rows = once_each(conn, rows)?;
    let theirs = asked(conn, image, &rows, member)?.filter(|row| !row.deleted);
    let theirs = theirs.ok_or(DbError::NoMember)?;
    remove(conn, image, theirs, &SqlTime::now())?;
    Ok(())
}

/// Makes sure that all memberships of an image can be removed at one moment, `now`.
pub(super) fn settle(conn: &mut Conn, image: &str, now: &SqlTime) -> QueryResult<()> {
    let rows = rows(conn, image)?;
    let rows = once_each(conn, rows)?;
    if conn.engine().folds_text() && rows.len() > 1 {
        let sql = "DELETE a FROM image_members a \
             JOIN image_members b ON b.image_id = a.image_id AND b.member = a.member AND b.deleted = 0 \
             WHERE a.image_id = ? AND (a.deleted = 0 AND a.id > b.id OR a.deleted_at = CAST(? AS DATETIME))";
        Statement::kept(sql, vec![Bind::from(image), Bind::from(now)]).execute(conn)?;
    }
    Ok(())
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

/// Likewise, as the engine compares tenants.
fn asked<'a>(
    conn: &mut Conn,
    image: &str,
    rows: &'a [Row],
    member: &str,
) -> QueryResult<Option<&'a Row>> {
    let known = known(rows, member);
    if known.is_some() || rows.is_empty() || !conn.engine().folds_text() {
        return Ok(known);
    }
    let sql = "SELECT id FROM image_members WHERE image_id = ? AND member = ? ORDER BY deleted, id";
    let ids: Vec<i64> =
        Statement::<Whole>::kept(sql, vec![Bind::from(image), Bind::from(member)]).load(conn)?;
    Ok(rows.iter().find(|row| ids.first() == Some(&row.id)))
}

/// The rows but for those that are a membership once more, which are gone: nothing kept Glance from
/// writing a membership twice, but its table has no room for two that were removed at one moment.
fn once_each(conn: &mut Conn, rows: Vec<Row>) -> QueryResult<Vec<Row>> {
    let mut once: Vec<Row> = Vec::with_capacity(rows.len());
    let mut live = HashSet::new();
    for row in rows {
        if row.deleted || live.insert(row.member.clone()) {
            once.push(row);
        } else {
            let again = vec![Bind::from(row.id)];
            Statement::kept("DELETE FROM image_members WHERE id = ?", again).execute(conn)?;
        }
    }
    Ok(once)
}

fn check_quota(attempted: usize, quota: Option<u64>) -> Result<(), DbError> {
    let attempted = u64::try_from(attempted).unwrap_or(u64::MAX);
    match quota {
        Some(maximum) if attempted > maximum => Err(DbError::too_many_members(attempted, maximum)),
        _ => Ok(()),
    }
}

fn rows(conn: &mut Conn, image: &str) -> QueryResult<Vec<Row>> {
    let sql = "SELECT id, member, can_share, deleted FROM image_members \
         WHERE image_id = ? ORDER BY id";
    let rows: Vec<(i64, String, bool, bool)> =
        Statement::<(Whole, Text, Bool, Bool)>::kept(sql, vec![Bind::from(image)]).load(conn)?;
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
    conn: &mut Conn,
    image: &str,
    member: &str,
    can_share: bool,
    now: &SqlTime,
) -> QueryResult<usize> {
    Columns::of("image_members")
        .set("image_id", image)
        .set("member", member)
        .set("can_share", can_share)
        .set("created_at", now)
        .set("updated_at", now)
        .set("deleted", false)
        .set("status", "pending")
        .insert(conn)
}

fn revive(conn: &mut Conn, id: i64, can_share: bool, now: &SqlTime) -> QueryResult<usize> {
    Columns::of("image_members")
        .set("can_share", can_share)
        .set("deleted", false)
        .set("deleted_at", None::<&SqlTime>)
        .set("updated_at", now)
        .update(conn, "id = ?", vec![Bind::from(id)])
}

/// Glance's table has no room for two memberships of one tenant that ended at one moment, and on MySQL a
/// second is a moment, and tenants may be one whose names are written differently: the later one remains.
fn remove(conn: &mut Conn, image: &str, row: &Row, now: &SqlTime) -> QueryResult<usize> {
    if conn.engine().folds_text() {
        let sql = "DELETE FROM image_members WHERE image_id = ? AND member = ? AND deleted_at = CAST(? AS DATETIME)";
        let other = vec![
            Bind::from(image),
            Bind::from(row.member.as_str()),
            Bind::from(now),
        ];
        Statement::kept(sql, other).execute(conn)?;
    }
    Columns::of("image_members")
        .set("deleted", true)
        .set("deleted_at", now)
        .set("updated_at", now)
        .update(conn, "id = ?", vec![Bind::from(row.id)])
}
