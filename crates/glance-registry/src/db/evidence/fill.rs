//! A database with so many rows that reading all of them would be a bad plan.

use crate::db::conn::Conn;
use crate::db::dialect::Engine;
use crate::db::testing::Fresh;

/// Images: half deleted, half of the others shared, the rest public or private.
const IMAGES: u32 = 20_000;
/// Rows of one INSERT.
const TOGETHER: u32 = 1000;

/// A filled database of the engine that `GLANCE_TEST_DATABASE` names.
pub(super) struct Filled {
    pub(super) conn: Conn,
    _database: Fresh,
}

impl Filled {
    /// None: it is a MySQL, whose plans are told in another form than MariaDB's.
    pub(super) fn new() -> Option<Self> {
        let database = Fresh::new();
        let mut filled = Self {
            conn: database.connect(),
            _database: database,
        };
        if filled.conn.engine() == Engine::Mysql && !filled.is_mariadb() {
            return None;
        }
        filled.fill();
        Some(filled)
    }

    fn is_mariadb(&mut self) -> bool {
        // Words that only MariaDB has.
        self.conn
            .batch("SET SESSION max_statement_time = 600")
            .is_ok()
    }

    fn fill(&mut self) {
        let engine = self.conn.engine();
        let flag = |yes: bool| engine.flag(yes);
        let id = |i: u32| format!("'{i:08x}-0000-4000-8000-000000000000'");
        let time = |i: u32| {
            format!(
                "'2026-01-{:02} {:02}:{:02}:{:02}.000000'",
                1 + i / 86_400,
                i / 3600 % 24,
                i / 60 % 60,
                i % 60
            )
        };
        let times = |i: u32| {
            let gone = if i % 2 == 1 {
                time(i)
            } else {
                "NULL".to_owned()
            };
            format!("{0}, {0}, {gone}, {1}", time(i), flag(i % 2 == 1))
        };
        self.insert("images (id, name, size, status, created_at, updated_at, deleted_at, deleted, \
             disk_format, container_format, owner, min_disk, min_ram, protected, visibility)", &|i| {
            let name = if i % 5 == 0 { "common".to_owned() } else { format!("name {i}") };
            let status = if i % 2 == 1 { "deleted" } else { "active" };
            let visibility = ["public", "shared", "private", "shared"][i as usize / 2 % 4];
            let format = if i % 1000 == 0 { "iso" } else { "qcow2" };
            Some(format!(
                "{}, '{name}', {i}, '{status}', {}, '{format}', 'bare', 't{}', 0, 0, {}, '{visibility}'",
                id(i), times(i), i / 8 % 100, flag(false)
            ))
        });
        self.insert(
            "image_properties (image_id, name, value, created_at, updated_at, deleted_at, deleted)",
            &|i| Some(format!("{}, 'os', 'linux', {}", id(i), times(i))),
        );
        self.insert(
            "image_properties (image_id, name, value, created_at, updated_at, deleted_at, deleted)",
            &|i| Some(format!("{}, 'build', '{i}', {}", id(i), times(i))),
        );
        self.insert("image_locations (image_id, value, created_at, updated_at, deleted_at, deleted, status)", &|i| {
            Some(format!("{}, 'file:///{i}', {}, 'active'", id(i), times(i)))
        });
        self.insert("image_members (image_id, member, can_share, created_at, updated_at, deleted_at, deleted)", &|i| {
            (i / 2 % 2 == 1).then(|| format!("{}, 'many', {}, {}", id(i), flag(false), times(i)))
        });
        self.insert("image_members (image_id, member, can_share, created_at, updated_at, deleted_at, deleted)", &|i| {
            (i / 2 % 2 == 1).then(|| format!("{}, 'few{}', {}, {}", id(i), i / 8 % 100, flag(false), times(i)))
        });
        self.insert(
            "image_tags (image_id, value, created_at, updated_at, deleted_at, deleted)",
            &|i| Some(format!("{}, 'gold', {}", id(i), times(i))),
        );
        self.insert(
            "image_leases (image_id, holder, store, bytes, expires_at, epoch)",
            &|i| {
                (i % 20 == 0).then(|| {
                    format!(
                        "{}, 'daemon {}', 'file', 1, 9000000000000000, 1",
                        id(i),
                        i % 100
                    )
                })
            },
        );
        self.insert("retired_images (id)", &|i| {
            Some(format!("'{i:08x}-0000-4000-8000-ffffffffffff'"))
        });
        let analyze = match engine {
            // A database of ours has no statistics until an upgrade takes them.
            Engine::Sqlite => return,
            Engine::Postgres => "VACUUM ANALYZE",
            Engine::Mysql => {
                "ANALYZE TABLE images, image_properties, image_locations, image_members, \
                 shared_images, image_tags, image_leases, retired_images"
            }
        };
        self.conn.batch(analyze).unwrap();
    }

    fn insert(&mut self, into: &str, row: &dyn Fn(u32) -> Option<String>) {
        for begin in (0..IMAGES).step_by(TOGETHER as usize) {
            let rows = (begin..begin + TOGETHER).filter_map(row);
            let rows: Vec<String> = rows.map(|row| format!("({row})")).collect();
            if !rows.is_empty() {
                let sql = format!("INSERT INTO {into} VALUES {}", rows.join(", "));
                self.conn.batch(&sql).unwrap();
            }
        }
    }
}
