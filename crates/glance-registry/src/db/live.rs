//! The condition that a row is not deleted, written so that it never leads the way.
//!
//! Glance has an index on `deleted` alone, which SQLite may take for a good one although it holds
//! half of the table. The plus sign keeps it away from there.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::sql_types::Bool;

/// For texts of our own.
pub(super) const LIVE: &str = "+deleted = 0";

/// For diesel's queries.
pub(super) fn live() -> SqlLiteral<Bool> {
    sql(LIVE)
}
