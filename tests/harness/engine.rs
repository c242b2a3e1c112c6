//! What the database of the stories decides, as it does under Glance: which texts are equal, and how exact
//! its times are.

use std::time::Duration;

use crate::database::SERVER;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite: every byte of a text counts, and every microsecond.
    Sqlite,
    /// PostgreSQL: as SQLite, but for the order of texts, which is the database's `LC_COLLATE`.
    Postgres,
    /// MySQL or MariaDB: Glance's columns compare by `utf8_general_ci`, for which `a` and `A` are equal and
    /// blanks at the end are none; its `DATETIME` columns have whole seconds.
    Mysql,
}

impl Engine {
    /// The engine of the stories' databases.
    pub fn under_test() -> Self {
        match std::env::var(SERVER) {
            Err(_) => Self::Sqlite,
            Ok(url) if url.starts_with("postgres") => Self::Postgres,
            Ok(_) => Self::Mysql,
        }
    }

    /// Whether texts that differ only in case are two texts.
    pub fn tells_case(self) -> bool {
        self != Self::Mysql
    }

    /// Whether a column of times has less than a second; images of one second are in the order of their
    /// ids.
    pub fn has_fractions(self) -> bool {
        self != Self::Mysql
    }

    /// How long it takes until what changes has a later time than what changed before.
    pub fn tick(self) -> Duration {
        if self.has_fractions() {
            Duration::ZERO
        } else {
            Duration::from_millis(1100)
        }
    }

    /// Waits so long: what changes afterwards is newer than what changed before.
    pub fn let_time_pass(self) {
        std::thread::sleep(self.tick());
    }
}
