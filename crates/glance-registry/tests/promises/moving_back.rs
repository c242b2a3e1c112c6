//! Glance's tables stay Glance's: what we change of them is known, and can be taken back.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::{ADMIN, Place, T1};

/// Tables with the texts of their columns, indexes, constraints and triggers.
const CATALOGUE: [&str; 3] = [
    "SELECT tbl_name || ' ' || name || '|' || ifnull(sql, '') AS line FROM sqlite_master \
     WHERE name NOT LIKE 'sqlite_stat%'",
    "SELECT table_name || ' index|' || indexdef FROM \
       (SELECT tablename AS table_name, indexdef FROM pg_indexes WHERE schemaname = 'public') AS i; \
     SELECT conrelid::regclass::text || ' constraint|' || conname || ' ' || pg_get_constraintdef(oid) \
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace; \
     SELECT sequencename || ' sequence|' || data_type::text FROM pg_sequences; \
     SELECT typname || ' type|' || typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace; \
     SELECT tgname || ' trigger|' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal; \
     SELECT proname || ' function|' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace;",
    "SELECT CONCAT_WS(' ', table_name, 'index', index_name, '|', seq_in_index, column_name, sub_part, non_unique) \
       FROM information_schema.statistics WHERE table_schema = DATABASE(); \
     SELECT CONCAT_WS(' ', table_name, 'constraint', constraint_name, '|', constraint_type) \
       FROM information_schema.table_constraints WHERE table_schema = DATABASE(); \
     SELECT CONCAT_WS(' ', table_name, 'check', constraint_name, '|', check_clause) \
       FROM information_schema.check_constraints WHERE constraint_schema = DATABASE(); \
     SELECT CONCAT_WS(' ', table_name, '|', engine, table_collation, create_options) \
       FROM information_schema.tables WHERE table_schema = DATABASE(); \
     SELECT CONCAT_WS(' ', event_object_table, 'trigger', trigger_name, '|', event_manipulation) \
       FROM information_schema.triggers WHERE trigger_schema = DATABASE();",
];

/// `TABLE.COLUMN|TYPE` and whatever else is known of it, `|NULL` or not, and its default.
const COLUMNS: [&str; 3] = [
    "SELECT m.name || '.' || c.name || '|' || c.type || '|' || c.\"notnull\" || '|' \
       || ifnull(c.dflt_value, '') || ' ' || c.pk AS line \
     FROM sqlite_master m, pragma_table_info(m.name) c \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
    "SELECT table_name || '.' || column_name || '|' || udt_name || coalesce(' ' || character_maximum_length, '') \
       || '|' || is_nullable || '|' || coalesce(column_default, '') \
     FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position;",
    "SELECT CONCAT(table_name, '.', column_name, '|', CONCAT_WS(' ', column_type, collation_name), '|', \
       is_nullable, '|', CONCAT_WS(' ', column_default, extra, column_comment)) \
     FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position;",
];

/// What registrations of Pithos's objects need, and Glance does not notice.
const WIDER: [&[&str]; 3] = [
    &[],
    &[
        "images.checksum|varchar 32 -> varchar 64",
        "images.name|varchar 255 -> varchar 256",
    ],
    &[
        "image_locations.meta_data|text utf8mb3_general_ci -> text utf8mb4_general_ci",
        "image_locations.value|text utf8mb3_general_ci -> text utf8mb4_general_ci",
        "image_properties.name|varchar(255) utf8mb3_general_ci -> varchar(255) utf8mb4_general_ci",
        "image_properties.value|text utf8mb3_general_ci -> text utf8mb4_general_ci",
        "images.checksum|varchar(32) utf8mb3_general_ci -> varchar(64) utf8mb3_general_ci",
        "images.name|varchar(255) utf8mb3_general_ci -> varchar(256) utf8mb4_general_ci",
    ],
];

/// Types by column, and whatever else there is by column.
type Columns = BTreeMap<String, (String, String)>;

fn columns(place: &Place) -> Columns {
    let lines = place.ask(COLUMNS);
    let parts = lines.iter().map(|line| {
        let mut parts = line.splitn(3, '|').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        (part(), (part(), part()))
    });
    parts.collect()
}

/// Everything that the engine says of the tables, in any order.
fn everything(place: &Place) -> Vec<String> {
    let mut lines = [place.ask(CATALOGUE), place.ask(COLUMNS)].concat();
    lines.sort();
    lines
}

#[test]
fn glances_columns_are_its_own_after_adoption_but_for_those_that_are_wider() {
    let place = Place::with_glances_database();
    let before = columns(&place);
    assert!(before.len() > 60, "{before:?}");
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    let after = columns(&place);
    let mut wider = Vec::new();
    for (column, (kind, rest)) in &before {
        let (now, rest_now) = &after[column];
        // Nullability and default.
        assert_eq!(rest, rest_now, "{column}");
        if kind != now {
            wider.push(format!("{column}|{kind} -> {now}"));
        }
    }
    let engine = usize::from(!place.is_file()) + usize::from(place.has_whole_seconds());
    assert_eq!(wider, WIDER[engine]);
    // What is new is in tables of our own.
    let tables = |columns: &Columns| {
        let tables = columns.keys().map(|name| name.split_once('.').unwrap().0);
        tables.map(str::to_owned).collect::<Vec<_>>()
    };
    let (old, new) = (tables(&before), tables(&after));
    for table in &old {
        let count = |all: &[String]| all.iter().filter(|other| *other == table).count();
        assert_eq!(count(&old), count(&new), "{table}");
    }
}

#[test]
fn all_that_we_added_to_glances_tables_can_be_taken_back_and_added_again() {
    let place = Place::with_glances_database();
    let before = everything(&place);
    // There is nothing to take back yet.
    place.revert();
    assert_eq!(everything(&place), before);
    for _ in 0..2 {
        assert_eq!(place.manage(&["db_sync"]).0, 0);
        assert_eq!(place.manage(&["db_check"]).0, 0);
        assert_ne!(everything(&place), before);
        let registry = place.start();
        let list = "/images?is_public=None&limit=1000&deleted=False";
        assert!(registry.get(ADMIN, list).names().len() > 40);
        let id = registry.create(T1, json!({"name": "ours"}));
        assert_eq!(registry.delete(T1, &format!("/images/{id}")).status, 200);
        drop(registry);
        place.revert();
        assert_eq!(everything(&place), before);
        assert_eq!(place.manage(&["db_version"]), (0, "pike01\n".to_owned()));
        assert_eq!(place.manage(&["db_check"]).0, 3);
    }
}

#[test]
fn what_we_make_is_glances_when_ours_is_taken_back() {
    let place = Place::new();
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    place.revert();
    let ours = columns(&place);
    let sample = Place::with_glances_database();
    let glances = columns(&sample);
    // Elsewhere the database's own defaults show through.
    for (column, found) in ours
        .iter()
        .filter(|(column, _)| column.starts_with("image"))
    {
        assert_eq!(Some(found), glances.get(column), "{column}");
    }
    for table in [
        "images",
        "image_properties",
        "image_locations",
        "image_members",
        "image_tags",
    ] {
        let count = |columns: &Columns| {
            let own = |name: &&String| name.split_once('.').unwrap().0 == table;
            columns.keys().filter(own).count()
        };
        assert_eq!(count(&ours), count(&glances), "{table}");
    }
}
