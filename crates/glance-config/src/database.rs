//! Where glance-registry keeps the records of images.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::quota::{Patience, Quota};
use crate::secret::Secret;

options! {
    /// Where glance-registry keeps the records of images.
    pub struct DatabaseConfig in "database" {
        /// The database's URL, as SQLAlchemy writes it: sqlite:////absolute/path,
        /// postgresql://user:password@host:port/database (also with +psycopg2; ?host=/folder for a
        /// socket; ?sslmode=verify-full&sslrootcert=file) or
        /// mysql://user:password@host:port/database (also with +pymysql; ?unix_socket=file;
        /// ?ssl_ca=file&ssl_verify_identity=true). An option of TLS that is not known is refused; others
        /// that have no effect are named in the log. It may hold a password, so it is never shown.
        connection: Secret = "sqlite:////var/lib/glance/glance.sqlite", restart,
            was ["DEFAULT/sql_connection", "database/sql_connection", "sql/connection"];
        /// The URL of a replica of a server's database, which is asked for lists in its place: they may
        /// be as old as the replica is behind. Single images, and all that is changed, are the
        /// database's. While the replica does not answer, the database answers for it.
        slave_connection: Option<Secret> = unset, restart, was ["DEFAULT/sql_slave_connection"];
        /// Whether a change is on the disk before it is confirmed. Without it, the last changes
        /// may be lost when the power fails.
        sqlite_synchronous: bool = "true", restart;
        /// The connections to a server that are kept, until nothing was asked through them for ten
        /// minutes. To a file there are as many as database_threads (section service). If the server
        /// is on this machine, or the database a file, at most one read more than there are processors
        /// is under way, unless one has waited for 50 ms.
        max_pool_size: NonZeroU32 = "5", restart,
            was ["DEFAULT/sql_max_pool_size", "database/sql_max_pool_size"];
        /// Has no effect, as in Glance: connections are opened when they are needed.
        min_pool_size: u32 = "1", restart,
            was ["DEFAULT/sql_min_pool_size", "database/sql_min_pool_size"];
        /// The connections to a server that there may be besides, when a request has waited for 50 ms;
        /// they are closed some ten seconds later. Unset: 50. All together are at most 2000.
        max_overflow: Option<u32> = unset, restart,
            was ["DEFAULT/sql_max_overflow", "database/sqlalchemy_max_overflow"];
        /// Seconds after which a connection to a server is not used again; it is closed when it is next
        /// wanted, or half a minute later. 0: never.
        connection_recycle_time: Patience = "3600", restart,
            was ["database/idle_timeout", "DEFAULT/sql_idle_timeout", "database/sql_idle_timeout",
                "sql/idle_timeout"];
        /// Seconds that a request waits for a free connection; then it is answered with 503. A change of a file
        /// waits for its turn likewise. 0: a tenth of one. Unset: 30.
        pool_timeout: Option<u32> = unset, restart, was ["database/sqlalchemy_pool_timeout"];
        /// How often a server that cannot be reached when glance-registry starts, or has no room for it, is
        /// tried again. One that refuses the user, the password or the database is not.
        /// -1: until it can.
        max_retries: Quota = "10", restart,
            was ["DEFAULT/sql_max_retries", "database/sql_max_retries"];
        /// Seconds between two of these attempts.
        retry_interval: Duration = "10", restart,
            was ["DEFAULT/sql_retry_interval", "database/reconnect_interval"];
        /// Seconds that a server may take for a statement, or for a lock that it needs; then the
        /// request is answered with 503. At least 1. This is not Glance's.
        statement_timeout: Duration = "20", restart;
    }
}
