//! Tests of changes that get in each other's way.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use diesel::sql_types::Text;

use super::statement::{Bind, Statement};
use super::testing::Fresh;
use super::{Conn, Db, DbError, Limits};

const IDS: [&str; 2] = ["first", "second"];

fn database() -> (Fresh, Db) {
    let fresh = Fresh::new();
    for id in IDS {
        let flag = fresh.target.engine().flag(false);
        let made = fresh.connect().batch(&format!(
            "INSERT INTO images (id, name, status, created_at, updated_at, deleted, min_disk, min_ram, \
             protected, visibility) VALUES ('{id}', '', 'active', '2026-01-01 00:00:00', \
             '2026-01-01 00:00:00', {flag}, 0, 0, {flag}, 'shared')"
        ));
        made.unwrap();
    }
    let limits = Limits {
        size: 4,
        overflow: 0,
        recycle: None,
        wait: Duration::from_secs(30),
        retries: Some(0),
        retry_interval: Duration::ZERO,
    };
    let db = Db::open(&fresh.target, limits).unwrap();
    (fresh, db)
}

/// Writes a letter behind an image's name.
fn add(conn: &mut Conn, id: &str, letter: &str) -> Result<(), DbError> {
    let name = name(conn, id)? + letter;
    let binds = vec![Bind::from(name.as_str()), Bind::from(id)];
    Statement::kept("UPDATE images SET name = ? WHERE id = ?", binds).execute(conn)?;
    Ok(())
}

fn name(conn: &mut Conn, id: &str) -> Result<String, DbError> {
    let lock = conn.row_lock();
    let sql = format!("SELECT name FROM images WHERE id = ?{lock}");
    Ok(Statement::<Text>::kept(sql, vec![Bind::from(id)]).get_result(conn)?)
}

/// Not around connections that are opened: they have runtimes of their own.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    super::servers::runtime().unwrap().block_on(future)
}

/// Two changes, each of which has one image and wants the other's.
#[test]
fn of_changes_that_wait_for_each_other_both_are_made_once() {
    let (fresh, db) = database();
    if fresh.target.engine().is_embedded() {
        // There is one writer, which waits for nobody.
        return;
    }
    let (meeting, begun) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let change = |order: [&'static str; 2], letter: &'static str| {
        let (meeting, begun, first) = (meeting.clone(), begun.clone(), AtomicU32::new(0));
        let change = move |conn: &mut Conn| {
            begun.fetch_add(1, SeqCst);
            add(conn, order[0], letter)?;
            if first.fetch_add(1, SeqCst) == 0 {
                meeting.wait();
            }
            add(conn, order[1], letter)
        };
        db.write(change)
    };
    let both =
        async { tokio::join!(change([IDS[0], IDS[1]], "a"), change([IDS[1], IDS[0]], "b"),) };
    let (one, other) = wait_for(both);
    one.unwrap();
    other.unwrap();
    assert!(begun.load(SeqCst) > 2, "there was no deadlock");
    for id in IDS {
        let found = wait_for(db.read(move |conn| name(conn, id))).unwrap();
        assert!(["ab", "ba"].contains(&found.as_str()), "{id}: {found}");
    }
}

/// What a server says of a transaction that saw what another one changed since.
#[test]
fn a_change_that_cannot_be_put_in_an_order_is_made_again() {
    let (fresh, db) = database();
    if fresh.target.engine() != super::Engine::Postgres {
        // The other engines' changes never see less than the last one.
        return;
    }
    let url = fresh.target.clone();
    let begun = Arc::new(AtomicU32::new(0));
    let counted = begun.clone();
    let change = move |conn: &mut Conn| {
        conn.batch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        let seen =
            Statement::<Text>::kept("SELECT name FROM images WHERE id = 'first'", Vec::new());
        let _: String = seen.get_result(conn)?;
        if counted.fetch_add(1, SeqCst) == 0 {
            let mut other = super::connect(&url).unwrap();
            other.batch("UPDATE images SET name = 'x' WHERE id = 'first'")?;
        }
        add(conn, "first", "y")
    };
    wait_for(db.write(change)).unwrap();
    assert_eq!(begun.load(SeqCst), 2);
    let found = wait_for(db.read(|conn| name(conn, "first"))).unwrap();
    assert_eq!(found, "xy");
}
