//! How many images there are, by status.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use super::error::DbError;

/// Reads the entries of the images that are not deleted in one index, and no image: some ten
/// milliseconds for 100,000 of them.
const COUNT: &str = "SELECT status, COUNT(*) AS images \
     FROM images INDEXED BY ix_list_visible_status \
     WHERE visibility IN ('public', 'private', 'shared', 'community') AND deleted = 0 \
     GROUP BY visibility, status";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    images: i64,
}

/// The images that are not deleted; a status that none has may be missing, one may be there for
/// each visibility.
pub fn images_by_status(conn: &mut SqliteConnection) -> Result<Vec<(String, i64)>, DbError> {
    let rows: Vec<Row> = diesel::sql_query(COUNT).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.status, row.images))
        .collect())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::db::{connection, migrate};

    #[derive(QueryableByName)]
    struct Plan {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    #[test]
    fn counts_what_is_not_deleted_by_the_index_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("glance.sqlite");
        let url = format!("sqlite:///{}", path.display());
        let target = connection::Target::parse(&url, false).unwrap();
        let mut conn = connection::establish(&target).unwrap();
        migrate::sync(&mut conn).unwrap();
        conn.batch_execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
             INSERT INTO images (id, status, created_at, deleted, min_disk, min_ram, protected, \
               visibility) \
             SELECT i, CASE WHEN i % 10 = 0 THEN 'queued' ELSE 'active' END, 'x', i % 2, 0, 0, 0, \
               CASE WHEN i % 4 = 0 THEN 'public' ELSE 'shared' END FROM n;",
        )
        .unwrap();
        let mut counts = images_by_status(&mut conn).unwrap();
        counts.sort();
        let expected = [("active", 20), ("active", 20), ("queued", 5), ("queued", 5)];
        let found: Vec<(&str, i64)> = counts.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        assert_eq!(found, expected);
        let plan: Vec<Plan> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {COUNT}"))
            .load(&mut conn)
            .unwrap();
        let plan: Vec<&str> = plan.iter().map(|step| step.detail.as_str()).collect();
        assert_eq!(
            plan,
            ["SEARCH images USING COVERING INDEX ix_list_visible_status \
              (visibility=? AND deleted=?)"]
        );
    }
}
