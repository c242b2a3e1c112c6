//! Keeps docs/PLANS.md: how each engine reads what is asked, and that nothing that grows is read through.
//!
//! Each question is asked as the daemon asks it, every statement that this takes is noted and
//! explained. `REWRITE_PLANS=1` writes the section of the engine that `GLANCE_TEST_DATABASE` names (SQLite
//! without it). Without it SQLite's is compared; a server's plans depend on samples that it takes, so
//! that only what they must not do is looked at.

mod explain;
mod fill;
mod questions;

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use explain::{explained, reads_through, version};
use fill::Filled;
use questions::questions;

use super::dialect::Engine;
use super::statement::recorded;

/// A statement's beginning, without what makes it long.
fn shortened(sql: &str) -> String {
    let sql = sql
        .replace(super::rows::COLUMNS, "…")
        .replace(super::rows::SUMMARY_COLUMNS, "…");
    let mut places = sql.clone();
    while places.contains("?, ?, ?, ?, ?, ") {
        places = places.replace("?, ?, ?, ?, ?, ", "?, ");
    }
    while places.contains("?, ?") {
        places = places.replace("?, ?", "?");
    }
    let short: String = places.chars().take(110).collect();
    match short.len() == places.len() {
        true => short,
        false => format!("{short} …"),
    }
}

#[test]
fn no_question_reads_through_a_table_on_this_engine() {
    let Some(mut database) = Filled::new() else {
        return;
    };
    let conn = &mut database.conn;
    let mut section = format!("## {}\n", version(conn));
    let mut known = HashSet::new();
    for question in questions() {
        let statements = recorded::during(|| (question.ask)(conn));
        assert!(!statements.is_empty(), "{}", question.title);
        let _ = write!(section, "\n### {}\n\n```\n", question.title);
        for (sql, binds) in statements {
            // `COMMIT` and the like are not noted, and a plan is shown once.
            if !sql.contains("FROM") || !known.insert(sql.clone()) {
                continue;
            }
            let steps = explained(conn, &sql, binds);
            for step in &steps {
                assert!(
                    !reads_through(conn.engine(), step, &steps) || question.may_read_all,
                    "{}: {step}\n{sql}\n{steps:#?}",
                    question.title
                );
            }
            let _ = writeln!(section, "{}", shortened(&sql));
            for step in steps {
                let _ = writeln!(section, "    {step}");
            }
        }
        section.push_str("```\n");
    }
    // A question whose statements were all shown before adds nothing.
    let section = without_empty(&section);
    compare(conn.engine(), &section);
}

fn without_empty(section: &str) -> String {
    let mut parts: Vec<&str> = section.split("\n### ").collect();
    parts.retain(|part| !part.ends_with("\n\n```\n```\n"));
    parts.join("\n### ")
}

fn compare(engine: Engine, section: &str) {
    let name = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::Mysql => "mysql",
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PLANS.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = text.split_once(&begin).unwrap();
    let (present, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("REWRITE_PLANS").is_some() {
        std::fs::write(&file, format!("{before}{begin}{section}{end}{after}")).unwrap();
        return;
    }
    if engine.is_embedded() {
        assert!(
            present == section,
            "docs/PLANS.md is not what SQLite does; REWRITE_PLANS=1 writes it anew:\n{section}"
        );
    }
}
