//! Databases: Glance's open as they are, ours are made once, newer ones are refused.

use std::process::Stdio;

use serde_json::json;

use crate::harness::{ADMIN, Place, T1, at_once};

#[test]
fn a_database_that_glance_wrote_opens_and_lists() {
    let place = Place::with_glances_database();
    assert_eq!(place.manage(&["db_version"]), (0, "pike01\n".to_owned()));
    assert_eq!(place.manage(&["db_check"]).0, 3);
    assert_eq!(place.manage(&["db", "sync"]).0, 0);
    assert_eq!(place.manage(&["db", "check"]).0, 0);
    let registry = place.start();
    let all = registry.get(
        ADMIN,
        "/images/detail?is_public=None&limit=1000&deleted=False",
    );
    assert_eq!(all.status, 200);
    assert!(all.json()["images"].as_array().unwrap().len() > 40);
    let image = registry
        .get(T1, "/images/00000000-0000-4000-8000-000000000002")
        .image();
    assert_eq!(image["name"], "privé – ünïcode");
    assert_eq!(image["created_at"], "2026-11-21T01:27:41.611043");
    assert!(image["location"].as_str().unwrap().starts_with("yryPhPyb"));
    let members = registry
        .get(T1, "/images/00000000-0000-4000-8000-000000000004/members")
        .json();
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    assert_eq!(
        registry
            .put(
                T1,
                "/images/00000000-0000-4000-8000-000000000002",
                &json!({"image": {"name": "x"}})
            )
            .status,
        200
    );
}

#[test]
fn two_syncs_at_once_both_succeed() {
    let place = Place::new();
    let outcomes = at_once(4, |_| place.manage(&["db_sync"]));
    for (status, text) in outcomes {
        assert_eq!(
            (status, text.as_str()),
            (
                0,
                "Upgraded database to: pike01, current revision(s): pike01\n"
            )
        );
    }
    assert_eq!(place.manage(&["db_upgrade"]).0, 0);
    assert_eq!(place.manage(&["db_check"]).0, 0);
}

#[test]
fn newer_tables_are_refused_with_a_sentence() {
    for change in [
        "UPDATE alembic_version SET version_num = 'zed01'",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')",
    ] {
        let place = Place::new();
        place.manage(&["db_sync"]);
        place.execute(change);
        let output = place.command().stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("newer program"), "{text}");
        let (status, text) = place.manage(&["db_sync"]);
        assert_eq!(status, 1, "{text}");
    }
}

#[test]
fn other_databases_are_refused_without_showing_the_password() {
    let place = Place::at("mysql://user:hunter2@host/glance");
    for output in [
        place.command().stderr(Stdio::piped()).output().unwrap(),
        place.manage_command(&["db_sync"]).output().unwrap(),
    ] {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains("mysql is not supported yet"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn purging_removes_old_deleted_rows_children_first() {
    let place = Place::new();
    let registry = place.start();
    let keep = registry.create(T1, json!({"properties": {"a": "1"}}));
    for _ in 0..3 {
        let id = registry.create(
            T1,
            json!({"properties": {"a": "1"}, "location": "file:///x"}),
        );
        registry.delete(T1, &format!("/images/{id}"));
    }
    place.execute(
        "UPDATE images SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted = 1;
        UPDATE image_properties SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted = 1;
        UPDATE image_locations SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted = 1",
    );
    let (status, text) = place.manage(&["db_purge", "--max_rows", "2"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Deleted 2 row(s) from table images"),
        "{text}"
    );
    let (_, text) = place.manage(&["db", "purge", "--age_in_days=30"]);
    assert!(
        text.contains("Deleted 1 row(s) from table images"),
        "{text}"
    );
    assert_eq!(registry.get(T1, &format!("/images/{keep}")).status, 200);
}

#[test]
fn purging_checks_its_numbers_with_glances_words() {
    let place = Place::new();
    place.manage(&["db_sync"]);
    for (arguments, text) in [
        (
            ["db_purge", "--age_in_days", "-1"],
            "Must supply a non-negative value for age.",
        ),
        (
            ["db_purge", "--age_in_days", "99999"],
            "Maximal age is count of days since epoch.",
        ),
        (["db_purge", "--max_rows", "0"], "Minimal rows limit is 1."),
        (
            ["db_purge", "--max_rows", "x"],
            "Invalid int value for max_rows: x",
        ),
    ] {
        let (status, output) = place.manage(&arguments);
        assert_eq!(status, 1);
        assert!(output.contains(text), "{output}");
    }
}
