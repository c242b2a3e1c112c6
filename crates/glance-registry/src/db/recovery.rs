//! Finds images that somebody stopped working on, and gives each to one daemon.

use diesel::sql_types::{Bool, Text};
use glance_core::wire::{RecoveryItem, RecoveryReason, TakeOver};

use super::clock::{SqlTime, database_now};
use super::columns::Columns;
use super::conn::Conn;
use super::error::DbError;
use super::leases::{end, put};
use super::locations::remaining;
use super::statement::{Bind, Statement};

/// Seconds after which a deletion that is not complete counts as interrupted.
const DELETION: u64 = 60;

/// Gives the caller up to `request.limit` images that need work, each under a lease, so that no two
/// daemons get the same. Uploads whose lease ran out are `killed` when this returns; images that are
/// `saving` without a lease are left alone, for Glance's own daemon may be uploading them.
pub fn take_over(conn: &mut Conn, request: &TakeOver) -> Result<Vec<RecoveryItem>, DbError> {
    conn.alone("recovery")?;
    let mut taken = Taking {
        now: database_now(conn)?,
        request,
        items: Vec::new(),
    };
    taken.leaving(conn, RecoveryReason::InterruptedDelete)?;
    taken.leaving(conn, RecoveryReason::Scrub)?;
    taken.expired(conn)?;
    Ok(taken.items)
}

struct Taking<'a> {
    now: i64,
    request: &'a TakeOver,
    items: Vec<RecoveryItem>,
}

impl Taking<'_> {
    fn room(&self) -> i64 {
        let limit = usize::try_from(self.request.limit)
            .unwrap_or(usize::MAX)
            .min(1000);
        i64::try_from(limit.saturating_sub(self.items.len())).unwrap_or(0)
    }

    /// Images on their way out whose time is over and that nobody works on.
    fn leaving(&mut self, conn: &mut Conn, reason: RecoveryReason) -> Result<(), DbError> {
        let engine = conn.engine();
        let (condition, seconds) = match reason {
            RecoveryReason::Scrub => (
                format!(
                    "images i {} WHERE i.status = 'pending_delete'",
                    engine.by_index("ix_recovery_pending")
                ),
                self.request.scrub_seconds,
            ),
            _ => (
                format!(
                    "images i {} WHERE i.status = 'deleted' AND i.deleted = {}",
                    engine.by_index("ix_recovery_deleted"),
                    engine.flag(false)
                ),
                DELETION,
            ),
        };
        let sql = format!(
            "SELECT i.id FROM {condition} \
             AND i.updated_at <= ? \
             AND NOT EXISTS (SELECT 1 FROM image_leases e \
             WHERE e.image_id = i.id AND e.expires_at > ?) LIMIT ?"
        );
        let seconds = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .min(100_000_000_000);
        let moment = SqlTime::from_micros(self.now.saturating_sub(seconds * 1_000_000));
        let binds = vec![
            Bind::from(&moment),
            Bind::from(self.now),
            Bind::from(self.room()),
        ];
        let found: Vec<String> = Statement::<Text>::kept(sql, binds).load(conn)?;
        for image in found {
            // Scrubbing finds locations that deleting the row has marked already.
            self.take(conn, image, reason, reason == RecoveryReason::Scrub)?;
        }
        Ok(())
    }

    /// Uploads whose daemon has gone silent.
    fn expired(&mut self, conn: &mut Conn) -> Result<(), DbError> {
        // Locked, so that none is renewed meanwhile.
        let sql = format!(
            "SELECT i.id, i.status, i.deleted FROM image_leases e {} images i ON i.id = e.image_id \
             WHERE e.expires_at <= ? ORDER BY e.expires_at LIMIT ?{}",
            conn.engine().then_join(),
            conn.row_lock()
        );
        let binds = vec![Bind::from(self.now), Bind::from(self.room())];
        let found: Vec<(String, String, bool)> =
            Statement::<(Text, Text, Bool)>::kept(sql, binds).load(conn)?;
        for (image, status, deleted) in found {
            let discard = match status.as_str() {
                // What is still queued was to be uploaded or copied the next moment.
                "saving" | "queued" => {
                    let now = SqlTime::now();
                    let killed = Columns::of("images")
                        .set("status", "killed")
                        .set("updated_at", &now)
                        .update(
                            conn,
                            "id = ? AND status = ?",
                            vec![Bind::from(image.as_str()), Bind::from(status.as_str())],
                        )?;
                    killed == 1
                }
                // Killed or deleted in the middle of an upload: what it left is still there.
                "killed" => true,
                "deleted" => deleted,
                _ => false,
            };
            if discard {
                self.take(conn, image, RecoveryReason::ExpiredLease, false)?;
            } else if status != "deleted" || deleted {
                let sql = "DELETE FROM image_leases WHERE image_id = ?";
                Statement::kept(sql, vec![Bind::from(image.as_str())]).execute(conn)?;
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        conn: &mut Conn,
        image: String,
        reason: RecoveryReason,
        deleted_too: bool,
    ) -> Result<(), DbError> {
        put(
            conn,
            &image,
            &self.request.holder,
            None,
            0,
            end(self.now, self.request.seconds),
        )?;
        let sql = "SELECT store FROM image_leases WHERE image_id = ?";
        let store: String =
            Statement::<Text>::kept(sql, vec![Bind::from(image.as_str())]).get_result(conn)?;
        let location_data = remaining(conn, &image, deleted_too)?;
        self.items.push(RecoveryItem {
            image_id: image,
            reason,
            store: Some(store).filter(|store| !store.is_empty()),
            location_data,
        });
        Ok(())
    }
}
