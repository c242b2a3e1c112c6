//! How the engines' SQL differs: the one place that knows.

use super::conditions::Conditions;
use super::statement::Bind;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, within this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

impl Engine {
    /// Whether it runs in this process, so that there is one writer and nobody to wait for.
    pub(super) fn is_embedded(self) -> bool {
        self == Self::Sqlite
    }

    /// Whether texts may be equal that are written differently, as in upper and lower case.
    pub(super) fn folds_text(self) -> bool {
        self == Self::Mysql
    }

    /// A truth value as the columns have it.
    pub(super) fn flag(self, yes: bool) -> &'static str {
        match (self, yes) {
            (Self::Postgres, true) => "true",
            (Self::Postgres, false) => "false",
            (_, true) => "1",
            (_, false) => "0",
        }
    }

    /// The condition that a row is not deleted, written so that it never leads the way: Glance has
    /// an index on `deleted` alone, which SQLite may take for a good one although it holds half of
    /// the table. The plus sign keeps it away from there.
    pub(super) fn live(self) -> &'static str {
        match self {
            Self::Sqlite => "+deleted = 0",
            Self::Postgres => "deleted = false",
            Self::Mysql => "deleted = 0",
        }
    }

    /// The same condition on the table alias `alias`.
    pub(super) fn live_in(self, alias: &str) -> String {
        let sign = if self == Self::Sqlite { "+" } else { "" };
        format!("{sign}{alias}.deleted = {}", self.flag(false))
    }

    /// Behind a table: the index to read it by. PostgreSQL decides for itself.
    pub(super) fn by_index(self, index: &str) -> String {
        match self {
            Self::Sqlite => format!("INDEXED BY {index}"),
            Self::Postgres => String::new(),
            Self::Mysql => format!("FORCE INDEX ({index})"),
        }
    }

    /// Likewise by its primary key, which is no number. Left to themselves, SQLite and MySQL may walk a
    /// page's whole range for each id that images are to be found by.
    pub(super) fn by_key(self, table: &str) -> String {
        match self {
            Self::Sqlite => format!("INDEXED BY sqlite_autoindex_{table}_1"),
            Self::Postgres => String::new(),
            Self::Mysql => "FORCE INDEX (PRIMARY)".to_owned(),
        }
    }

    /// Joins a table to the rows that were found before it.
    pub(super) fn then_join(self) -> &'static str {
        match self {
            Self::Sqlite => "CROSS JOIN",
            Self::Postgres => "JOIN",
            Self::Mysql => "STRAIGHT_JOIN",
        }
    }

    /// A sum as an integer of 64 bits, which the servers give as a number of any length.
    pub(super) fn whole(self, sum: &str) -> String {
        match self {
            Self::Sqlite => sum.to_owned(),
            Self::Postgres => format!("CAST({sum} AS BIGINT)"),
            Self::Mysql => format!("CAST({sum} AS SIGNED)"),
        }
    }

    /// A place for a visibility, which is a type of its own in PostgreSQL.
    pub(super) fn visibility_place(self) -> &'static str {
        match self {
            Self::Postgres => "CAST(? AS image_visibility)",
            _ => "?",
        }
    }

    /// Behind a SELECT: nobody else changes the row until this transaction ends. SQLite's only
    /// writer needs no such word.
    pub(super) fn lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            _ => " FOR UPDATE",
        }
    }

    /// Makes an INSERT change the row that is there already with the same unique `key`. Such values
    /// are called by [`Self::proposed`].
    pub(super) fn on_conflict(self, key: &str) -> String {
        match self {
            Self::Mysql => "ON DUPLICATE KEY UPDATE".to_owned(),
            _ => format!("ON CONFLICT ({key}) DO UPDATE SET"),
        }
    }

    /// A column of the row that was to be inserted.
    pub(super) fn proposed(self, column: &str) -> String {
        match self {
            Self::Mysql => format!("VALUES({column})"),
            _ => format!("excluded.{column}"),
        }
    }

    /// An aggregate: the columns of all rows as a JSON list of lists. Of no rows it is null or an
    /// empty list.
    pub(super) fn json_list(self, columns: &[&str]) -> String {
        let columns = columns.join(", ");
        match self {
            Self::Sqlite => format!("json_group_array(json_array({columns}))"),
            Self::Postgres => format!("CAST(json_agg(json_build_array({columns})) AS TEXT)"),
            Self::Mysql => format!("CAST(JSON_ARRAYAGG(JSON_ARRAY({columns})) AS CHAR)"),
        }
    }

    /// A column of text that is null in each row.
    pub(super) fn no_text(self) -> &'static str {
        match self {
            Self::Mysql => "CAST(NULL AS CHAR)",
            _ => "CAST(NULL AS TEXT)",
        }
    }

    /// The present moment as microseconds since 1970.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Self::Postgres => {
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
            }
            Self::Mysql => "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
        }
    }

    /// At the end of an EXISTS: it is asked for each row that is found. Without it PostgreSQL may begin
    /// with what is asked, and SQLite reads all of it for a filter (of Bloom's) first.
    pub(super) fn for_each(self) -> &'static str {
        match self {
            Self::Sqlite => " LIMIT 1",
            Self::Postgres => " OFFSET 0",
            Self::Mysql => "",
        }
    }

    /// A column of text that is compared and must not lead: PostgreSQL, which takes no word on what
    /// index to read, would take that of the column where it is not made to compute.
    pub(super) fn aside_text(self, column: &str) -> String {
        self.aside(column, "|| ''")
    }

    /// Likewise a number.
    pub(super) fn aside_number(self, column: &str) -> String {
        self.aside(column, "+ 0")
    }

    /// Likewise a time.
    pub(super) fn aside_time(self, column: &str) -> String {
        self.aside(column, "+ INTERVAL '0'")
    }

    fn aside(self, column: &str, nothing: &str) -> String {
        match self {
            Self::Postgres => format!("({column} {nothing})"),
            _ => column.to_owned(),
        }
    }

    /// How many tables are called `?`.
    pub(super) fn tables_called(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
            Self::Postgres => {
                "SELECT COUNT(*) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = ?"
            }
            Self::Mysql => {
                "SELECT COUNT(*) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND table_name = ?"
            }
        }
    }

    /// The word after an order's column, so that nulls are less than all values.
    pub(super) fn nulls_least(self, ascending: bool, nullable: bool) -> &'static str {
        match (self, nullable, ascending) {
            (Self::Postgres, true, true) => " NULLS FIRST",
            (Self::Postgres, true, false) => " NULLS LAST",
            _ => "",
        }
    }

    /// The condition that a column is not null: for SQLite a range that begins with the least value
    /// of the type, for otherwise it finds the nulls, too.
    pub(super) fn any_value(self, column: &str, number: bool) -> String {
        match (self, number) {
            (Self::Sqlite, true) => format!("{column} >= -9223372036854775808"),
            (Self::Sqlite, false) => format!("{column} >= ''"),
            _ => format!("{column} IS NOT NULL"),
        }
    }

    /// A place for a number of rows. SQLite plans a statement again for each execution when it sees
    /// that a value might matter to the plan; behind the sign it does not see it.
    fn limit_place(self) -> &'static str {
        match self {
            Self::Sqlite => "+?",
            _ => "?",
        }
    }

    /// The arms of a list as one statement, which ends with the order and a place for the limit.
    /// SQLite merges arms as they come; servers are told that no arm need give more than the limit.
    pub(super) fn merged(self, arms: &[Conditions], order: &str, limit: i64) -> Conditions {
        let mut merged = Conditions::default();
        let texts: Vec<String> = arms
            .iter()
            .map(|arm| match self {
                Self::Sqlite => arm.text.clone(),
                _ => format!("({} ORDER BY {order} LIMIT ?)", arm.text),
            })
            .collect();
        for arm in arms {
            merged.binds.extend(arm.binds.iter().cloned());
            if !self.is_embedded() {
                merged.binds.push(Bind::from(limit));
            }
        }
        // One arm alone is ordered already.
        if self.is_embedded() || arms.len() > 1 {
            let place = self.limit_place();
            merged.text = format!(
                "{} ORDER BY {order} LIMIT {place}",
                texts.join(" UNION ALL ")
            );
            merged.binds.push(Bind::from(limit));
        } else {
            merged.text = texts.concat();
        }
        merged
    }

    /// The condition that a property is `name` with `value`. Values may be longer than an entry of
    /// an index of PostgreSQL's, which has their sums instead.
    pub(super) fn property(self, alias: &str, name: &str, value: &str) -> Conditions {
        let mut found = Conditions::default();
        found.with(&format!("{alias}.name = ?"), name);
        if self == Self::Postgres {
            found.with(&format!("md5({alias}.value) = md5(?)"), value);
        }
        found.with(
            &format!(
                "{alias}.value = ? AND {alias}.deleted = {}",
                self.flag(false)
            ),
            value,
        );
        found
    }

    /// The condition that columns, compared one after the other, are `sign` (`<` or `>`) of `values`.
    /// MySQL finds no range of an index for a row of values.
    pub(super) fn beyond(self, columns: &[&str], sign: &str, values: Vec<Bind>) -> Conditions {
        let mut beyond = Conditions::default();
        if self != Self::Mysql || columns.len() < 2 {
            let places = vec!["?"; columns.len()].join(", ");
            beyond.add(&match columns {
                [column] => format!("{column} {sign} ?"),
                _ => format!("({}) {sign} ({places})", columns.join(", ")),
            });
            beyond.binds = values;
            return beyond;
        }
        let mut text = String::new();
        let (mut binds, mut depth) = (Vec::new(), 0);
        for (index, (column, value)) in columns.iter().zip(&values).enumerate() {
            if index + 1 == columns.len() {
                text.push_str(&format!("{column} {sign} ?"));
                binds.push(value.clone());
            } else {
                text.push_str(&format!("({column} {sign} ? OR ({column} = ? AND "));
                binds.extend([value.clone(), value.clone()]);
                depth += 2;
            }
        }
        text.push_str(&")".repeat(depth));
        if let (Some(column), Some(value)) = (columns.first(), values.first()) {
            beyond.add(&format!("{column} {sign}= ?"));
            beyond.binds.push(value.clone());
        }
        beyond.add(&text);
        beyond.binds.extend(binds);
        beyond
    }
}
