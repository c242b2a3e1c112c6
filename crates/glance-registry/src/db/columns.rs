//! The columns that an INSERT or an UPDATE sets.

use diesel::QueryResult;

use super::conn::Conn;
use super::dialect::Engine;
use super::statement::{Bind, Statement};

/// Columns of a table with their new values.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    table: &'static str,
    names: Vec<&'static str>,
    binds: Vec<Bind>,
}

impl Columns {
    /// None yet.
    pub(super) fn of(table: &'static str) -> Self {
        Self {
            table,
            names: Vec::new(),
            binds: Vec::new(),
        }
    }

    /// Sets a column.
    pub(super) fn set(mut self, column: &'static str, value: impl Into<Bind>) -> Self {
        self.names.push(column);
        self.binds.push(value.into());
        self
    }

    /// Sets a column to null, of the type that texts have.
    pub(super) fn empty(self, column: &'static str) -> Self {
        self.set(column, None::<&str>)
    }

    /// Sets a column if there is a value.
    pub(super) fn maybe(self, column: &'static str, value: Option<impl Into<Bind>>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    /// Makes a row.
    pub(super) fn insert(self, conn: &mut Conn) -> QueryResult<usize> {
        insert_with(vec![self], conn, "")
    }

    /// Makes rows, which set the same columns and have different keys; or changes the columns `again`
    /// of those that have the same `key`.
    pub(super) fn put(
        rows: Vec<Self>,
        conn: &mut Conn,
        key: &str,
        again: &[&str],
    ) -> QueryResult<usize> {
        let engine = conn.engine();
        let changes: Vec<String> = again
            .iter()
            .map(|column| format!("{column} = {}", engine.proposed(column)))
            .collect();
        let tail = format!("{} {}", engine.on_conflict(key), changes.join(", "));
        insert_with(rows, conn, &tail)
    }

    /// Changes the rows that fulfil `condition`, whose places have the values `binds`; their number.
    pub(super) fn update(
        self,
        conn: &mut Conn,
        condition: &str,
        binds: Vec<Bind>,
    ) -> QueryResult<usize> {
        let engine = conn.engine();
        let changes: Vec<String> = self
            .names
            .iter()
            .map(|name| format!("{name} = {}", place(engine, name)))
            .collect();
        let sql = format!(
            "UPDATE {} SET {} WHERE {condition}",
            self.table,
            changes.join(", ")
        );
        let all = self.binds.into_iter().chain(binds).collect();
        Statement::kept(sql, all).execute(conn)
    }
}

fn insert_with(rows: Vec<Columns>, conn: &mut Conn, tail: &str) -> QueryResult<usize> {
    let engine = conn.engine();
    let Some(first) = rows.first() else {
        return Ok(0);
    };
    let places: Vec<&str> = first.names.iter().map(|name| place(engine, name)).collect();
    let row = format!("({})", places.join(", "));
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {} {tail}",
        first.table,
        first.names.join(", "),
        vec![row; rows.len()].join(", ")
    );
    let binds = rows.into_iter().flat_map(|row| row.binds).collect();
    Statement::kept(sql, binds).execute(conn)
}

fn place(engine: Engine, column: &str) -> &'static str {
    match column {
        "visibility" => engine.visibility_place(),
        _ => "?",
    }
}
