//! Where glance-registry keeps the records of images.

use std::num::NonZeroU32;

use crate::quota::Patience;
use crate::secret::Secret;

options! {
    /// Where glance-registry keeps the records of images.
    pub struct DatabaseConfig in "database" {
        /// The database's URL, as SQLAlchemy writes it: sqlite:///relative/path or
        /// sqlite:////absolute/path. It may hold a password, so it is never shown.
        connection: Secret = "sqlite:////var/lib/glance/glance.sqlite", restart,
            was ["DEFAULT/sql_connection", "database/sql_connection", "sql/connection"];
        /// Whether a change is on the disk before it is confirmed. Without it, the last changes
        /// may be lost when the power fails.
        sqlite_synchronous: bool = "true", restart;
        /// The most connections to the database at a time.
        max_pool_size: NonZeroU32 = "5", restart,
            was ["DEFAULT/sql_max_pool_size", "database/sql_max_pool_size"];
        /// The connections that are kept open when there is nothing to do.
        min_pool_size: u32 = "1", restart,
            was ["DEFAULT/sql_min_pool_size", "database/sql_min_pool_size"];
        /// Seconds after which an unused connection is closed. 0: never.
        idle_timeout: Patience = "3600", restart,
            was ["DEFAULT/sql_idle_timeout", "database/sql_idle_timeout", "sql/idle_timeout"];
        /// Seconds to wait for a free connection. Unset: 30.
        pool_timeout: Option<u32> = unset, restart, was ["database/sqlalchemy_pool_timeout"];
    }
}
