//! What an engine says it will do for a statement, without numbers, which change from day to day.

use diesel::sql_types::{BigInt, Nullable, Text};

use crate::db::conn::Conn;
use crate::db::dialect::Engine;
use crate::db::rows::Unread;
use crate::db::statement::{Bind, Statement};

/// The engine's name and version.
pub(super) fn version(conn: &mut Conn) -> String {
    let sql = match conn.engine() {
        Engine::Sqlite => "SELECT sqlite_version()",
        Engine::Postgres => "SELECT current_setting('server_version')",
        Engine::Mysql => "SELECT version()",
    };
    let version: String = Statement::<Text>::passing(sql, Vec::new())
        .get_result(conn)
        .unwrap();
    // What follows the first two numbers changes no plan.
    let numbers: Vec<&str> = version.split(['.', ' ', '-']).take(2).collect();
    match conn.engine() {
        Engine::Sqlite => format!("SQLite {}", numbers.join(".")),
        Engine::Postgres => format!("PostgreSQL {}", numbers[0]),
        Engine::Mysql => format!("MariaDB {}", numbers.join(".")),
    }
}

/// The steps of a statement's plan.
pub(super) fn explained(conn: &mut Conn, sql: &str, binds: Vec<Bind>) -> Vec<String> {
    match conn.engine() {
        Engine::Sqlite => {
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let steps: Vec<(i64, i64, i64, String)> =
                Statement::<(BigInt, BigInt, BigInt, Text)>::passing(sql, binds)
                    .load(conn)
                    .unwrap();
            steps.into_iter().map(|step| step.3).collect()
        }
        Engine::Postgres => {
            let sql = format!("EXPLAIN (COSTS OFF) {sql}");
            let lines: Vec<String> = Statement::<Text>::passing(sql, binds).load(conn).unwrap();
            lines.iter().filter_map(|line| node(line)).collect()
        }
        Engine::Mysql => {
            type Types = (
                Nullable<BigInt>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
                Nullable<Text>,
            );
            type Step = (
                Unread,
                Option<String>,
                Option<String>,
                Option<String>,
                Unread,
                Option<String>,
                Unread,
                Unread,
                Unread,
                Option<String>,
            );
            let sql = format!("EXPLAIN {sql}");
            let steps: Vec<Step> = Statement::<Types>::passing(sql, binds).load(conn).unwrap();
            steps
                .into_iter()
                .map(|step| table(&step.1, [&step.2, &step.3, &step.5, &step.9]))
                .collect()
        }
    }
}

/// A line of PostgreSQL's tree that is a step and not something about one.
fn node(line: &str) -> Option<String> {
    let step = line.trim_start();
    let depth = (line.len() - step.len()) / 2;
    let is_first = depth == 0;
    let step = match step.strip_prefix("->") {
        Some(step) => step.trim_start(),
        None if is_first => step,
        None => return None,
    };
    Some(format!("{}{step}", " ".repeat(depth)))
}

/// A row of MariaDB's table: `PRIMARY i: range, ix_list_own_name, Using index condition`.
fn table(kind: &Option<String>, [table, access, key, extra]: [&Option<String>; 4]) -> String {
    let mut text = kind.clone().unwrap_or_default();
    if let Some(table) = table {
        text = format!("{text} {table}:");
    }
    for part in [access, key, extra]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
    {
        let comma = if text.ends_with(':') { "" } else { "," };
        text = format!("{text}{comma} {part}");
    }
    text
}

/// Tables that grow with the number of images, as plans call them.
const GROWING: [&str; 16] = [
    "i",
    "s",
    "p",
    "m",
    "o",
    "l",
    "t",
    "images",
    "image_properties",
    "image_members",
    "shared_images",
    "image_locations",
    "image_tags",
    "retired_images",
    "image_leases",
    "e",
];

/// Whether a step among others reads such a table, or one of its indexes, from end to end.
pub(super) fn reads_through(engine: Engine, step: &str, all: &[String]) -> bool {
    let step = step.trim_start();
    let grows = |table: &str| GROWING.contains(&table.trim_end_matches(':'));
    match engine {
        Engine::Sqlite => {
            let scanned = step.strip_prefix("SCAN ").unwrap_or_default();
            let scanned = scanned.split(' ').next().unwrap_or_default();
            // What was selected just before has the same name, at times.
            let selected = format!("CO-ROUTINE {scanned}");
            // A filter of Bloom's is made of all of a table.
            step.starts_with("BLOOM FILTER") || grows(scanned) && !all.contains(&selected)
        }
        Engine::Postgres => step.contains("Seq Scan on"),
        Engine::Mysql => {
            let mut words = step.split(' ');
            let (_, table, access) = (words.next(), words.next(), words.next());
            table.is_some_and(grows)
                && access
                    .is_some_and(|access| matches!(access.trim_end_matches(','), "ALL" | "index"))
        }
    }
}
