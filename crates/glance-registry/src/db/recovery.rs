//! Finds images that somebody stopped working on, and gives each to one daemon.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::SqliteConnection;
use glance_core::wire::{RecoveryItem, RecoveryReason, TakeOver};

use super::clock::{SqlTime, database_now};
use super::error::DbError;
use super::leases::{end, put};
use super::locations::remaining;
use super::schema::image_leases::{self, dsl};
use super::schema::images;
use super::statement::{Bind, Statement};

/// Seconds after which a deletion that is not complete counts as interrupted.
const DELETION: u64 = 60;

/// Gives the caller up to `request.limit` images that need work, each under a lease, so that no two
/// daemons get the same. Uploads whose lease ran out are `killed` when this returns; images that are
/// `saving` without a lease are left alone, for Glance's own daemon may be uploading them.
pub fn take_over(
    conn: &mut SqliteConnection,
    request: &TakeOver,
) -> Result<Vec<RecoveryItem>, DbError> {
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
    fn leaving(
        &mut self,
        conn: &mut SqliteConnection,
        reason: RecoveryReason,
    ) -> Result<(), DbError> {
        let (condition, seconds) = match reason {
            RecoveryReason::Scrub => (
                "images i INDEXED BY ix_recovery_pending WHERE i.status = 'pending_delete'",
                self.request.scrub_seconds,
            ),
            _ => (
                "images i INDEXED BY ix_recovery_deleted \
                 WHERE i.status = 'deleted' AND i.deleted = 0",
                DELETION,
            ),
        };
        let sql = format!(
            "SELECT i.id FROM {condition} \
             AND i.updated_at <= strftime('%Y-%m-%d %H:%M:%f', unixepoch('subsec') - ?, 'unixepoch') \
             AND NOT EXISTS (SELECT 1 FROM image_leases e \
             WHERE e.image_id = i.id AND e.expires_at > ?) LIMIT ?"
        );
        let seconds = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .min(10_000_000_000);
        let binds = vec![
            Bind::from(seconds),
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
    fn expired(&mut self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        let sql = "SELECT i.id, i.status, i.deleted FROM image_leases e \
             CROSS JOIN images i ON i.id = e.image_id \
             WHERE e.expires_at <= ? ORDER BY e.expires_at LIMIT ?";
        let binds = vec![Bind::from(self.now), Bind::from(self.room())];
        let found: Vec<(String, String, bool)> =
            Statement::<(Text, Text, Bool)>::kept(sql, binds).load(conn)?;
        for (image, status, deleted) in found {
            let discard = match status.as_str() {
                "saving" => {
                    let now = SqlTime::now();
                    let killed = diesel::update(images::table.find(&image))
                        .filter(images::status.eq("saving"))
                        .set((
                            images::status.eq("killed"),
                            images::updated_at.eq(now.as_str()),
                        ))
                        .execute(conn)?;
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
                diesel::delete(image_leases::table.find(&image)).execute(conn)?;
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        conn: &mut SqliteConnection,
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
        let store: String = image_leases::table
            .find(&image)
            .select(dsl::store)
            .get_result(conn)?;
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
