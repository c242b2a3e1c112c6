//! How large selections are, as far as the plan of a list depends on it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::sql_types::BigInt;

use super::conn::Conn;
use super::statement::{Bind, Statement};

/// For so long it is not asked again. What a list holds never depends on it, only what it costs.
const GOOD: Duration = Duration::from_secs(10);
/// Selections that a connection knows of.
const KNOWN: usize = 256;
/// Bytes of the values in one; what is longer is asked for again each time.
const LONGEST: usize = 256;

/// What a connection has learned.
#[derive(Default)]
pub(super) struct Sizes(HashMap<(String, Vec<Bind>), (Instant, bool)>);

impl Sizes {
    fn get(&self, selection: &(String, Vec<Bind>)) -> Option<bool> {
        let (since, is_small) = self.0.get(selection)?;
        (since.elapsed() < GOOD).then_some(*is_small)
    }

    fn learn(&mut self, selection: (String, Vec<Bind>), is_small: bool) {
        if selection.1.iter().map(Bind::length).sum::<usize>() > LONGEST {
            return;
        }
        if self.0.len() >= KNOWN {
            self.0.retain(|_, (since, _)| since.elapsed() < GOOD);
        }
        if self.0.len() >= KNOWN {
            self.0.clear();
        }
        self.0.insert(selection, (Instant::now(), is_small));
    }
}

/// Whether a selection has at most `ceiling` rows, so that it can be sorted. It was so some seconds ago.
pub(super) fn is_small(
    conn: &mut Conn,
    selection: &str,
    binds: Vec<Bind>,
    ceiling: i64,
) -> QueryResult<bool> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM {selection} LIMIT {}) AS found",
        ceiling + 1
    );
    let asked = (sql, binds);
    if let Some(is_small) = conn.sizes.get(&asked) {
        return Ok(is_small);
    }
    let (sql, binds) = asked.clone();
    let count: i64 = Statement::<BigInt>::kept(sql, binds).get_result(conn)?;
    let is_small = count <= ceiling;
    conn.sizes.learn(asked, is_small);
    Ok(is_small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded() {
        let mut sizes = Sizes::default();
        let selection = |number: usize| (format!("t{number}"), vec![Bind::from("x")]);
        for number in 0..3 * KNOWN {
            sizes.learn(selection(number), number % 2 == 0);
            assert_eq!(sizes.get(&selection(number)), Some(number % 2 == 0));
        }
        assert!(sizes.0.len() <= KNOWN);
        assert_eq!(sizes.get(&selection(0)), None);
        let long = (
            "t".to_owned(),
            vec![Bind::from("x".repeat(LONGEST + 1).as_str())],
        );
        sizes.learn(long.clone(), true);
        assert_eq!(sizes.get(&long), None);
    }
}
