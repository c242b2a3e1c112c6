//! Tests that `shared_images` is what images and their members say, whoever writes what.

use std::time::Duration;

use diesel::sql_types::{Nullable, Text, Timestamp};
use glance_core::identity::Identity;

use super::clock::SqlTime;
use super::conn::Conn;
use super::dialect::Engine;
use super::error::DbError;
use super::rows::Whole;
use super::statement::Statement;
use super::testing::{self, Fresh};
use super::{MemberChange, Update, Values, images, list, members, migrate, purge};

const IMAGES: [&str; 5] = ["a", "b", "c", "d", "e"];
const TENANTS: [&str; 4] = ["t1", "t2", "t3", "t4"];
const VISIBILITIES: [&str; 5] = ["shared", "shared", "private", "public", "community"];

/// Member and image, then the sort keys.
type Row = (
    (String, String),
    (
        Option<String>,
        String,
        Option<String>,
        Option<String>,
        Option<i64>,
        SqlTime,
        Option<SqlTime>,
    ),
);

fn rows(conn: &mut Conn, sql: &str) -> Vec<Row> {
    type Types = (
        (Text, Text),
        (
            Nullable<Text>,
            Text,
            Nullable<Text>,
            Nullable<Text>,
            Nullable<Whole>,
            Timestamp,
            Nullable<Timestamp>,
        ),
    );
    let statement = Statement::<Types>::passing(sql, Vec::new());
    let mut rows: Vec<Row> = statement.load(conn).unwrap();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// What is shared, after a comparison with what should be.
fn shared(conn: &mut Conn, done: &str) -> usize {
    let keys = "name, status, container_format, disk_format, size, created_at, updated_at";
    let live = conn.engine().flag(false);
    let same = match conn.engine() {
        Engine::Mysql => "<=>",
        Engine::Postgres => "IS NOT DISTINCT FROM",
        Engine::Sqlite => "IS",
    };
    let kept = rows(
        conn,
        &format!("SELECT member, image_id, {keys} FROM shared_images"),
    );
    let right = rows(
        conn,
        &format!(
            "SELECT m.member, i.id, {} FROM images i JOIN (SELECT DISTINCT image_id, member \
             FROM image_members WHERE deleted = {live}) m ON m.image_id = i.id \
             WHERE i.visibility = 'shared' AND i.deleted = {live} AND NOT (i.owner {same} m.member)",
            keys.split(", ")
                .map(|key| format!("i.{key}"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    );
    assert_eq!(kept, right, "after {done}");
    kept.len()
}

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }
}

fn time(second: usize) -> String {
    format!(
        "'2026-01-01 {:02}:{:02}:{:02}'",
        second / 3600 % 24,
        second / 60 % 60,
        second % 60
    )
}

fn insert_image(conn: &mut Conn, id: &str) {
    let flag = conn.engine().flag(false);
    let sql = format!(
        "INSERT INTO images (id, name, status, created_at, updated_at, deleted, owner, min_disk, min_ram, \
         protected, visibility) VALUES ('{id}', 'name', 'active', {0}, {0}, {flag}, 't1', 0, 0, {flag}, 'shared')",
        time(0)
    );
    conn.batch(&sql).unwrap();
}

/// A change as Glance, or somebody by hand, makes it: SQL past our code.
fn by_hand(conn: &mut Conn, numbers: &mut Numbers, step: usize) -> String {
    let engine = conn.engine();
    let (no, yes) = (engine.flag(false), engine.flag(true));
    let (image, tenant) = (numbers.one_of(&IMAGES), numbers.one_of(&TENANTS));
    let now = time(step);
    let theirs = format!("image_id = '{image}' AND member = '{tenant}'");
    match numbers.below(20) {
        // Also where there is such a membership already.
        0..=3 => format!(
            "INSERT INTO image_members (image_id, member, can_share, created_at, updated_at, deleted) \
             VALUES ('{image}', '{tenant}', {no}, {now}, {now}, {no})"
        ),
        4 => format!(
            "UPDATE image_members SET deleted = {yes}, deleted_at = {now}, updated_at = {now} \
             WHERE {theirs} AND deleted = {no}"
        ),
        // Of two that are the same, one.
        5 | 6 => {
            let of = match engine {
                Engine::Mysql => {
                    format!(
                        "(SELECT id FROM (SELECT MIN(id) AS id FROM image_members WHERE {theirs} AND deleted = {no}) AS x)"
                    )
                }
                _ => {
                    format!("(SELECT MIN(id) FROM image_members WHERE {theirs} AND deleted = {no})")
                }
            };
            format!("UPDATE image_members SET deleted = {yes}, deleted_at = {now} WHERE id = {of}")
        }
        7 => format!("UPDATE image_members SET deleted = {no}, deleted_at = NULL WHERE {theirs}"),
        8 => format!("DELETE FROM image_members WHERE {theirs}"),
        9 => format!(
            "UPDATE image_members SET member = '{}', image_id = '{}' WHERE {theirs} AND deleted = {no}",
            numbers.one_of(&TENANTS),
            numbers.one_of(&IMAGES)
        ),
        10 | 11 => format!(
            "UPDATE images SET visibility = '{}' WHERE id = '{image}'",
            numbers.one_of(&VISIBILITIES)
        ),
        12 => format!("UPDATE images SET owner = '{tenant}' WHERE id = '{image}'"),
        13 => format!("UPDATE images SET owner = NULL, name = NULL WHERE id = '{image}'"),
        14 => format!(
            "UPDATE images SET name = 'Name {step}', updated_at = {now} WHERE id = '{image}'"
        ),
        15 => format!(
            "UPDATE images SET status = 'killed', size = {step}, disk_format = 'raw' WHERE id <> '{image}'"
        ),
        16 => format!(
            "UPDATE images SET name = 'NAME', container_format = 'bare', created_at = {now}, visibility = '{}', \
             owner = 't{step}' WHERE id = '{image}'",
            numbers.one_of(&VISIBILITIES)
        ),
        17 => format!(
            "UPDATE images SET deleted = {yes}, deleted_at = {now} WHERE id = '{image}'; \
             UPDATE image_members SET deleted = {yes}, deleted_at = {now} WHERE image_id = '{image}' AND deleted = {no}"
        ),
        18 => format!("UPDATE images SET deleted = {no}, deleted_at = NULL"),
        _ => format!(
            "DELETE FROM image_members WHERE image_id = '{image}'; DELETE FROM images WHERE id = '{image}'"
        ),
    }
}

fn administrator() -> Identity {
    Identity {
        tenant: Some("admin".to_owned()),
        is_admin: true,
        ..Identity::default()
    }
}

fn change(member: &str) -> MemberChange {
    MemberChange {
        member: member.to_owned(),
        can_share: None,
    }
}

/// A change as the daemon makes it; whether it is allowed does not matter.
fn by_the_daemon(conn: &mut Conn, numbers: &mut Numbers, step: usize) -> String {
    let admin = administrator();
    let (image, tenant) = (numbers.one_of(&IMAGES), numbers.one_of(&TENANTS));
    let which = numbers.below(7);
    let outcome = conn.change(|conn| match which {
        0 | 1 => members::add_member(conn, &admin, image, &change(tenant), None),
        2 => members::remove_member(conn, &admin, image, tenant),
        3 => {
            let all = [change(tenant), change("t2")];
            members::replace_members(conn, &admin, image, &all, None)
        }
        4 | 5 => {
            let values = Values {
                name: Some(Some(format!("ours {step}"))),
                visibility: numbers.one_of(&VISIBILITIES).parse().ok(),
                owner: (which == 5).then(|| Some(tenant.to_owned())),
                ..Values::default()
            };
            let update = Update {
                values,
                ..Update::default()
            };
            images::update(conn, &admin, image, &update).map(drop)
        }
        _ => images::delete(conn, &admin, image).map(drop),
    });
    if step.is_multiple_of(50) {
        purge(conn, 0, 100, |_, _| {}).unwrap();
    }
    format!("{which} of ours: {outcome:?}")
}

#[test]
fn what_is_shared_is_kept_whoever_writes() {
    let fresh = Fresh::new();
    let mut conn = fresh.connect();
    let mut numbers = Numbers(15);
    let mut most = 0;
    for step in 0..600 {
        for id in IMAGES {
            let count = format!("SELECT id FROM images WHERE id = '{id}'");
            let there: Vec<String> = Statement::<Text>::passing(count, Vec::new())
                .load(&mut conn)
                .unwrap();
            let id_is_free = there.is_empty();
            if id_is_free {
                insert_image(&mut conn, id);
            }
        }
        let done = if numbers.below(3) == 0 {
            by_the_daemon(&mut conn, &mut numbers, step)
        } else {
            let sql = by_hand(&mut conn, &mut numbers, step);
            // Two deletions of one membership at one moment are refused, and other things may be.
            let outcome = conn.batch(&sql);
            format!("{sql}: {outcome:?}")
        };
        most = most.max(shared(&mut conn, &format!("step {step}, {done}")));
    }
    assert!(most > 6, "only {most} at a time");
}

#[test]
fn a_membership_that_glance_wrote_twice_can_be_taken_back() {
    let fresh = Fresh::new();
    let mut conn = fresh.connect();
    let flag = conn.engine().flag(false);
    type Change = fn(&mut Conn) -> Result<(), DbError>;
    let take_back: [Change; 3] = [
        |conn| members::remove_member(conn, &administrator(), "a", "t2"),
        |conn| members::replace_members(conn, &administrator(), "a", &[change("t3")], None),
        |conn| images::delete(conn, &administrator(), "a").map(drop),
    ];
    insert_image(&mut conn, "a");
    for take_back in take_back {
        for tenant in ["t2", "t2", "t2", "t3", "t3"] {
            conn.batch(&format!(
                "INSERT INTO image_members (image_id, member, can_share, created_at, deleted) \
                 SELECT id, '{tenant}', {flag}, created_at, {flag} FROM images"
            ))
            .unwrap();
        }
        take_back(&mut conn).unwrap();
        let live =
            format!("SELECT member FROM image_members WHERE member = 't2' AND deleted = {flag}");
        let left: Vec<String> = Statement::<Text>::passing(live, Vec::new())
            .load(&mut conn)
            .unwrap();
        assert_eq!(left, [""; 0]);
        shared(&mut conn, "taking it back");
        conn.batch("DELETE FROM image_members").unwrap();
    }
}

/// The ids of the list of `tenant`.
fn listed(conn: &mut Conn, tenant: &str) -> Vec<String> {
    let summaries = list::summaries(conn, &testing::page(tenant)).unwrap();
    summaries.into_iter().map(|summary| summary.id).collect()
}

#[test]
fn what_is_private_again_is_not_listed_even_if_no_trigger_saw_it() {
    let fresh = Fresh::new();
    let mut conn = fresh.connect();
    insert_image(&mut conn, "a");
    conn.batch(
        "INSERT INTO shared_images (member, image_id, status, created_at) \
         SELECT 't2', id, status, created_at FROM images",
    )
    .unwrap();
    assert_eq!(listed(&mut conn, "t2"), ["a"]);
    // No membership: the trigger takes the row away, and somebody puts it back.
    conn.batch(
        "UPDATE images SET visibility = 'private'; \
         INSERT INTO shared_images (member, image_id, status, created_at) \
         SELECT 't2', id, status, created_at FROM images",
    )
    .unwrap();
    assert_eq!(listed(&mut conn, "t2"), [""; 0]);
}

#[test]
fn what_is_shared_can_be_made_anew() {
    let fresh = Fresh::new();
    let mut conn = fresh.connect();
    for id in IMAGES {
        insert_image(&mut conn, id);
    }
    let flag = conn.engine().flag(false);
    // The owner, and one of them twice.
    for tenant in ["t1", "t2", "t3", "t3"] {
        conn.batch(&format!(
            "INSERT INTO image_members (image_id, member, can_share, created_at, deleted) \
             SELECT id, '{tenant}', {flag}, created_at, {flag} FROM images"
        ))
        .unwrap();
    }
    conn.batch("UPDATE images SET visibility = 'private' WHERE id = 'c'")
        .unwrap();
    assert_eq!(shared(&mut conn, "insertions"), 8);
    // As OPERATIONS.md says.
    conn.batch(
        "DELETE FROM shared_images; \
         DELETE FROM __diesel_schema_migrations WHERE version = '20260101000007'",
    )
    .unwrap();
    migrate::sync(&mut conn, &fresh.target).unwrap();
    assert_eq!(shared(&mut conn, "db_sync"), 8);
    conn.batch("UPDATE images SET name = 'again'").unwrap();
    shared(&mut conn, "an update");
}

/// Does what Glance does, in a transaction of its own that looks first and takes its time; again when the
/// server chose it as the one to give up.
fn glance(conn: &mut Conn, sql: &str, pause: Duration) {
    loop {
        let mut outcome = conn.batch("BEGIN");
        for statement in ["SELECT COUNT(*) FROM images", sql, "COMMIT"] {
            outcome = outcome.and_then(|()| conn.batch(statement));
            std::thread::sleep(pause);
        }
        let Err(error) = outcome else { return };
        conn.batch("ROLLBACK").unwrap();
        let error = DbError::from(error);
        assert!(matches!(error, DbError::Interrupted(_)), "{sql}: {error}");
    }
}

/// One of several changes that are made at once.
fn one_of_many(conn: &mut Conn, writer: usize, round: usize) {
    let mut numbers = Numbers(u64::try_from(round * 8 + writer).unwrap());
    numbers.below(2);
    let (no, yes) = (conn.engine().flag(false), conn.engine().flag(true));
    let tenant = numbers.one_of(&TENANTS[1..]);
    let theirs = format!("image_id = 'a' AND member = '{tenant}'");
    let now = time(round * 8 + writer);
    let pause = Duration::from_micros(u64::try_from(numbers.below(4) * 400).unwrap());
    let sql = match writer {
        0 | 1 => format!("UPDATE images SET name = '{writer} {round}' WHERE id = 'a'"),
        2 if round.is_multiple_of(2) => format!(
            "UPDATE images SET visibility = '{}', owner = '{tenant}' WHERE id = 'a'",
            numbers.one_of(&VISIBILITIES)
        ),
        2 => "UPDATE images SET visibility = 'shared', owner = 't1' WHERE id = 'a'".to_owned(),
        // It has the image first and the memberships then, so that PostgreSQL, which is slow to see it, finds
        // that they wait for each other.
        3 if !round.is_multiple_of(8) => return,
        3 => {
            let members = [change(tenant), change("t3")];
            let change = |conn: &mut Conn| {
                members::replace_members(conn, &administrator(), "a", &members, None)
            };
            // Of a membership that is there three times, two cannot be removed at one moment.
            while let Err(DbError::Interrupted(_)) = conn.change(change) {}
            return;
        }
        4 => format!(
            "INSERT INTO image_members (image_id, member, can_share, created_at, updated_at, deleted) \
             VALUES ('a', '{tenant}', {no}, {now}, {now}, {no})"
        ),
        5 => format!("UPDATE image_members SET deleted = {no}, deleted_at = NULL WHERE {theirs}"),
        _ => format!(
            "UPDATE image_members SET deleted = {yes}, deleted_at = {now} WHERE id = {}",
            newest(conn, &theirs)
        ),
    };
    glance(conn, &sql, pause);
}

/// The number of a membership, by which Glance changes it.
fn newest(conn: &mut Conn, theirs: &str) -> i64 {
    let sql = format!("SELECT id FROM image_members WHERE {theirs} ORDER BY deleted, id DESC");
    let found: Vec<i64> = Statement::<Whole>::passing(sql, Vec::new())
        .load(conn)
        .unwrap();
    found.first().copied().unwrap_or(0)
}

#[test]
fn what_is_shared_is_kept_by_those_who_write_at_once() {
    let fresh = Fresh::new();
    if fresh.target.engine().is_embedded() {
        // There is one writer.
        return;
    }
    let mut reader = fresh.connect();
    insert_image(&mut reader, "a");
    let mut writers: Vec<Conn> = (0..8).map(|_| fresh.connect()).collect();
    for conn in writers.iter_mut().step_by(2) {
        // As Glance's connections are.
        if conn.engine() == Engine::Mysql {
            let level = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
            conn.batch(level).unwrap();
        }
    }
    for round in 0..120 {
        std::thread::scope(|scope| {
            for (writer, conn) in writers.iter_mut().enumerate() {
                scope.spawn(move || one_of_many(conn, (writer + round) % 8, round));
            }
        });
        shared(&mut reader, &format!("round {round}"));
    }
}
