//! Tests of the plans that SQLite makes for lists: they read indexes in order, whatever is asked.

use diesel::sql_types::Text;
use glance_core::query::{SortDirection, SortKey};
use glance_core::timestamp::Timestamp;

use super::clock::SqlTime;
use super::conn::Conn;
use super::list::{Key, Page, Position};
use super::rows;
use super::scope::{Deleted, Filters, Scope, TextFilter};
use super::statement::Statement;
use super::target::Target;
use super::{arms, migrate, testing};

/// More than are ever sorted.
const MANY: usize = 3000;

struct Database {
    conn: Conn,
    _directory: tempfile::TempDir,
}

fn database() -> Database {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("glance.sqlite");
    let url = format!("sqlite:///{}", path.display());
    let target = Target::parse(&url, false, std::time::Duration::MAX).unwrap();
    let mut conn = super::connect(&target).unwrap();
    migrate::sync(&mut conn, &target).unwrap();
    conn.batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) \
         INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, disk_format, \
           container_format, owner, min_disk, min_ram, protected, visibility) \
         SELECT printf('%08x-0000-4000-8000-000000000000', i), 'name', i, 'active', \
           printf('2026-01-01 00:%02d:%02d.000000', i / 60 % 60, i % 60), '2026-01-01 00:00:00.000000', \
           i % 2, 'raw', 'bare', 't1', 0, 0, 0, CASE WHEN i % 4 < 2 THEN 'public' ELSE 'shared' END \
         FROM n; \
         INSERT INTO image_properties (image_id, name, value, created_at, deleted) \
         SELECT id, 'common', 'yes', created_at, 0 FROM images; \
         INSERT INTO image_members (image_id, member, can_share, created_at, deleted) \
         SELECT id, tenant, 0, created_at, 0 FROM images, (SELECT 't1' AS tenant UNION SELECT 't3'); \
         INSERT INTO image_members (image_id, member, can_share, created_at, deleted) \
         SELECT id, 'few', 0, created_at, 0 FROM images LIMIT 5;"
    ))
    .unwrap();
    Database {
        conn,
        _directory: directory,
    }
}

fn page(sort: SortKey, direction: SortDirection) -> Page {
    Page {
        sort,
        direction,
        ..testing::page("t1")
    }
}

fn plan(conn: &mut Conn, page: &Page) -> Vec<String> {
    let statement = arms::statement::<rows::Columns>(conn, page, rows::COLUMNS)
        .unwrap()
        .unwrap();
    let steps: Vec<(i64, i64, i64, String)> = statement.explained().load(conn).unwrap();
    steps.into_iter().map(|step| step.3).collect()
}

/// Every step reads an index by more than its first column, and nothing is sorted.
fn assert_ordered(conn: &mut Conn, page: &Page) {
    let plan = plan(conn, page);
    for step in &plan {
        assert!(!step.starts_with("SCAN"), "{page:?}\n{plan:#?}");
        assert!(!step.contains("TEMP B-TREE"), "{page:?}\n{plan:#?}");
    }
    let searches: Vec<_> = plan
        .iter()
        .filter(|step| step.starts_with("SEARCH i ") || step.starts_with("SEARCH s "))
        // What is shared leads to images by their ids.
        .filter(|step| *step != "SEARCH i USING INDEX sqlite_autoindex_images_1 (id=?)")
        .collect();
    assert!(!searches.is_empty(), "{plan:#?}");
    for step in searches {
        assert!(
            step.contains("deleted=?") || step.contains("(member=?"),
            "{page:?}\n{plan:#?}"
        );
        if page.marker.is_some() {
            let range = step.contains('<')
                || step.contains('>')
                || step.contains("id<")
                || step.contains("=? AND deleted=? AND")
                || step.contains("(member=? AND");
            assert!(
                range,
                "the page's beginning is searched for\n{page:?}\n{plan:#?}"
            );
        }
    }
}

fn markers(sort: SortKey) -> Vec<Option<Position>> {
    let position = |key| {
        Some(Position {
            key,
            created_at: SqlTime::now(),
            id: "00000000".to_owned(),
        })
    };
    match sort {
        SortKey::Id | SortKey::CreatedAt => vec![None, position(None)],
        SortKey::Status => vec![None, position(Some(Key::Text("active".to_owned())))],
        SortKey::Size => vec![None, position(None), position(Some(Key::Number(5)))],
        _ => vec![
            None,
            position(None),
            position(Some(Key::Text("m".to_owned()))),
        ],
    }
}

#[test]
fn lists_read_indexes_in_order_whatever_the_key_and_whose() {
    let mut database = database();
    let scopes = [
        Scope::Tenant(Some("t1".to_owned())),
        Scope::Tenant(Some("t3".to_owned())),
        Scope::Tenant(None),
        Scope::NotPublic(Some("t1".to_owned())),
        Scope::Everything(Some("t1".to_owned())),
        Scope::Everything(None),
    ];
    for scope in scopes {
        for deleted in [Deleted::No, Deleted::Yes, Deleted::Any] {
            for sort in SortKey::ALL {
                for direction in [SortDirection::Ascending, SortDirection::Descending] {
                    for marker in markers(sort) {
                        let page = Page {
                            scope: scope.clone(),
                            deleted,
                            marker,
                            ..page(sort, direction)
                        };
                        assert_ordered(&mut database.conn, &page);
                    }
                }
            }
        }
    }
}

#[test]
fn filters_that_many_images_pass_keep_the_order_of_the_index() {
    let mut database = database();
    let is = |text: &str| Some(TextFilter::Is(text.to_owned()));
    let past = SqlTime::from(Timestamp::parse("2001-01-01T00:00:00").unwrap());
    let filters = [
        Filters {
            name: is("name"),
            ..Filters::default()
        },
        Filters {
            status: is("active"),
            ..Filters::default()
        },
        Filters {
            disk_format: is("raw"),
            ..Filters::default()
        },
        Filters {
            container_format: is("bare"),
            ..Filters::default()
        },
        Filters {
            min_ram: Some(0),
            min_disk: Some(0),
            protected: Some(false),
            ..Filters::default()
        },
        Filters {
            properties: vec![("common".to_owned(), "yes".to_owned())],
            ..Filters::default()
        },
        Filters {
            changes_since: Some(past),
            ..Filters::default()
        },
    ];
    for filters in filters {
        let scope = Scope::Everything(None);
        let page = Page {
            scope,
            filters,
            ..page(SortKey::CreatedAt, SortDirection::Descending)
        };
        // Half of the images are deleted, so that less than the limit may be sorted in an arm.
        let plan = plan(&mut database.conn, &page);
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN")),
            "{page:?}\n{plan:#?}"
        );
    }
}

#[test]
fn rare_filters_find_their_images_by_an_index() {
    let mut database = database();
    let filters = [
        (
            Filters {
                size_min: Some(2990),
                ..Filters::default()
            },
            "size>?",
        ),
        (
            Filters {
                changes_since: Some(SqlTime::from(
                    Timestamp::parse("2025-12-31T00:00:00").unwrap(),
                )),
                size_max: Some(20),
                ..Filters::default()
            },
            "ix_list_",
        ),
    ];
    for (filters, index) in filters {
        let page = Page {
            filters,
            ..page(SortKey::Name, SortDirection::Ascending)
        };
        let plan = plan(&mut database.conn, &page);
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN i")),
            "{plan:#?}"
        );
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
    }
    database
        .conn
        .batch(
            "INSERT INTO image_properties (image_id, name, value, created_at, deleted) \
             SELECT id, 'rare', 'yes', created_at, 0 FROM images LIMIT 3",
        )
        .unwrap();
    let properties = vec![("rare".to_owned(), "yes".to_owned())];
    let filters = Filters {
        properties,
        ..Filters::default()
    };
    let page = Page {
        filters,
        ..page(SortKey::CreatedAt, SortDirection::Descending)
    };
    let plan = plan(&mut database.conn, &page);
    assert!(
        plan.iter()
            .any(|step| step.contains("SEARCH p ") && step.contains("ix_list_properties")),
        "{plan:#?}"
    );
    assert!(
        !plan.iter().any(|step| step.starts_with("SCAN")),
        "{plan:#?}"
    );
}

#[test]
fn what_belongs_to_an_image_is_found_by_the_image() {
    let mut database = database();
    let live = database.conn.engine().live();
    for table in [
        "image_properties",
        "image_locations",
        "image_members",
        "image_tags",
    ] {
        for ids in ["image_id = 'x'", "image_id IN ('x', 'y', 'z')"] {
            let sql = format!("SELECT * FROM {table} WHERE {live} AND {ids}");
            let statement = Statement::<Text>::passing(sql, Vec::new()).explained();
            let steps: Vec<(i64, i64, i64, String)> = statement.load(&mut database.conn).unwrap();
            assert!(
                steps.iter().all(|step| step.3.contains("(image_id=?")),
                "{steps:#?}"
            );
        }
    }
}

#[test]
fn what_is_shared_is_read_in_order_however_few_there_are() {
    let mut database = database();
    for tenant in ["t3", "few", "nobody"] {
        for sort in SortKey::ALL {
            for direction in [SortDirection::Ascending, SortDirection::Descending] {
                for marker in markers(sort) {
                    let page = Page {
                        scope: Scope::Tenant(Some(tenant.to_owned())),
                        marker,
                        ..page(sort, direction)
                    };
                    assert_ordered(&mut database.conn, &page);
                    let plan = plan(&mut database.conn, &page);
                    // The index has all of the order, so that no row is read but those of the page.
                    let index = match sort {
                        SortKey::Id => "USING PRIMARY KEY (member=?".to_owned(),
                        key => format!("USING COVERING INDEX ix_shared_{} (member=?", key.as_str()),
                    };
                    let found = plan
                        .iter()
                        .any(|step| step.starts_with(&format!("SEARCH s {index}")));
                    assert!(found, "{page:?}\n{plan:#?}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_asked_for_what_cannot_be() {
    let mut database = database();
    let filters = Filters {
        impossible: true,
        ..Filters::default()
    };
    let page = Page {
        filters,
        ..page(SortKey::CreatedAt, SortDirection::Descending)
    };
    let statement =
        arms::statement::<rows::Columns>(&mut database.conn, &page, rows::COLUMNS).unwrap();
    assert!(statement.is_none(), "{}", statement.unwrap().sql());
}
