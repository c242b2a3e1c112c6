//! Databases: Glance's open as they are, ours are made once, newer ones are refused.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

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
    // As precise as the engine's column is; every sample was written on a day of its own.
    let created_at = image["created_at"].as_str().unwrap();
    assert!(created_at.starts_with("2026-11-21T01:2"), "{created_at}");
    if place.is_file() {
        assert_eq!(created_at, "2026-11-21T01:27:41.611043");
    }
    // Encrypted, with the same key in each sample.
    assert!(image["location"].as_str().unwrap().len() > 60, "{image}");
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
fn a_sync_that_was_killed_can_be_begun_again() {
    let place = Place::with_glances_database();
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    // The server has made a table or an index, and nobody was there to note it.
    for migration in [
        "20260101000000",
        "20260101000001",
        "20260101000002",
        "20260101000003",
        "20260101000004",
        "20260101000005",
        "20260101000006",
        "20260101000007",
    ] {
        // Elsewhere both are one transaction.
        if !place.has_whole_seconds() {
            break;
        }
        place.execute(&format!(
            "DELETE FROM __diesel_schema_migrations WHERE version = '{migration}'"
        ));
        assert_eq!(place.manage(&["db_check"]).0, 3, "{migration}");
        let (status, said) = place.manage(&["db_sync"]);
        assert_eq!(status, 0, "{migration}: {said}");
    }
    // At any moment.
    for attempt in 1..8 {
        let place = Place::with_glances_database();
        let mut sync = place.manage_command(&["db_sync"]);
        let mut sync = sync.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(attempt * 25));
        let _ = sync.kill();
        sync.wait().unwrap();
        let (status, said) = place.manage(&["db_sync"]);
        assert_eq!(status, 0, "{said}");
        assert_eq!(place.manage(&["db_check"]).0, 0);
    }
}

#[test]
fn tables_of_an_old_servers_format_are_adopted() {
    for format in ["COMPACT", "REDUNDANT"] {
        let place = Place::with_glances_database();
        if !place.has_whole_seconds() {
            return;
        }
        for table in [
            "images",
            "image_properties",
            "image_locations",
            "image_members",
        ] {
            place.execute(&format!("ALTER TABLE {table} ROW_FORMAT = {format}"));
        }
        let (status, said) = place.manage(&["db_sync"]);
        assert_eq!(status, 0, "{format}: {said}");
    }
}

#[test]
fn tables_that_glance_made_in_phases_are_adopted() {
    let place = Place::with_glances_database();
    place.execute("UPDATE alembic_version SET version_num = 'pike_contract01'");
    let said = "Upgraded database to: pike_contract01, current revision(s): pike_contract01\n";
    assert_eq!(place.manage(&["db_sync"]), (0, said.to_owned()));
    place.execute("INSERT INTO alembic_version VALUES ('pike_expand01')");
    assert_eq!(place.manage(&["db_check"]).0, 0);
    let both = "pike_contract01\npike_expand01\n";
    assert_eq!(place.manage(&["db_version"]), (0, both.to_owned()));
    // What a next release has expanded is not ours to serve.
    place.execute("INSERT INTO alembic_version VALUES ('queens_expand01')");
    let (status, said) = place.manage(&["db_sync"]);
    assert!(status == 1 && said.contains("queens_expand01"), "{said}");
    place.execute("DELETE FROM alembic_version WHERE version_num <> 'pike_expand01'");
    assert_eq!(place.manage(&["db_sync"]).0, 1);
}

#[test]
fn phases_of_an_upgrade_are_one() {
    let place = Place::new();
    for phase in ["expand", "migrate", "contract"] {
        let expected = match place.has_whole_seconds() {
            true => 0,
            false => 1,
        };
        let (status, said) = place.manage(&["db", phase]);
        assert_eq!(status, expected, "{said}");
        assert_eq!(said.contains("only for MySQL"), expected == 1, "{said}");
    }
    let synced = place.has_whole_seconds();
    assert_eq!(place.manage(&["db_check"]).0 == 0, synced);
}

#[test]
fn to_look_at_a_database_changes_nothing() {
    let place = Place::in_file();
    assert_eq!(place.manage(&["db_check"]).0, 3);
    let (status, said) = place.manage(&["db_version"]);
    assert!(
        status == 0 && said.contains("glance-manage db sync"),
        "{said}"
    );
    assert!(!place.database().exists());
    if let Some(sample) = Some(Place::with_glances_database()).filter(Place::is_file) {
        let before = std::fs::read(sample.database()).unwrap();
        assert_eq!(sample.manage(&["db_check"]).0, 3);
        assert_eq!(sample.manage(&["db_version"]).0, 0);
        assert_eq!(std::fs::read(sample.database()).unwrap(), before);
    }
}

#[test]
fn what_a_command_does_not_know_it_refuses_before_it_does_anything() {
    let place = Place::new();
    for wrong in [
        &["db_sync", "--bogus"][..],
        &["db_sync", "--version"],
        &["db_sync", "pike01", "more"],
        &["db_check", "--bogus"],
        &["db_version", "more"],
        &["db_purge", "--bogus"],
        &["db_export", "--bogus"],
    ] {
        let (status, said) = place.manage(wrong);
        assert!(
            status == 2 && said.contains("glance-manage: error: "),
            "{wrong:?}: {said}"
        );
    }
    for help in [&["db_sync", "--help"][..], &["db", "-h"], &["--help"]] {
        let (status, said) = place.manage(help);
        assert!(
            status == 0 && said.contains("usage: glance-manage"),
            "{help:?}: {said}"
        );
    }
    for elsewhere in [
        "version_control",
        "load_metadefs",
        "unload_metadefs",
        "export_metadefs",
    ] {
        let (status, said) = place.manage(&["db", elsewhere]);
        assert!(
            status == 1 && !said.contains("usage"),
            "{elsewhere}: {said}"
        );
    }
    for version in [
        &["db", "sync", "--version=liberty"][..],
        &["db_sync", "liberty"],
    ] {
        let (status, said) = place.manage(version);
        assert!(status == 1 && said.contains("'liberty'"), "{said}");
    }
    assert_eq!(place.manage(&["db_check"]).0, 3);
    // oslo's own options are nobody's business.
    let oslos = ["--log-file", "/nowhere/x", "--use-syslog", "--nodebug"];
    let spelled = [&oslos[..], &["db", "sync", "--version", "pike01"]].concat();
    assert_eq!(place.manage(&spelled).0, 0);
}

#[test]
fn what_waits_for_the_scrubber_is_noted_as_glances_scrubber_wants_it() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"location": "file:///x"}));
    let path = format!("/images/{id}");
    let become_ = |change: &Value| {
        let change = json!({ "image": change });
        assert_eq!(registry.put(ADMIN, &path, &change).status, 200);
    };
    let question = format!(
        "SELECT status || '|' || CAST(CAST(deleted AS INTEGER) AS TEXT) AS line FROM image_locations WHERE image_id = '{id}'"
    );
    let mysql =
        format!("SELECT CONCAT(status, '|', deleted) FROM image_locations WHERE image_id = '{id}'");
    let postgres = format!(
        "SELECT status || '|' || deleted::int FROM image_locations WHERE image_id = '{id}'"
    );
    let location = || place.ask([&question, &postgres, &mysql]);
    // As glance-api says it.
    let mut locations = registry.get(ADMIN, &path).image()["location_data"].take();
    locations[0]["status"] = json!("pending_delete");
    become_(&json!({"status": "pending_delete", "location_data": locations}));
    assert_eq!(registry.delete(ADMIN, &path).status, 200);
    assert_eq!(location(), ["pending_delete|1"]);
    become_(&json!({"status": "deleted"}));
    assert_eq!(location(), ["deleted|1"]);
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
    for (connection, reason) in [
        (
            "oracle://user:hunter2@host/glance",
            "oracle is not supported",
        ),
        (
            "mysql://user:hunter2@127.0.0.1:1/glance",
            "cannot open the database glance on 127.0.0.1",
        ),
        (
            "postgresql://user:hunter2@127.0.0.1:1/glance",
            "cannot open the database glance on 127.0.0.1",
        ),
    ] {
        refused(&Place::at(connection), reason);
    }
}

#[test]
fn passwords_are_shown_by_scram_where_the_server_wants_it() {
    let place = Place::new();
    if let Some(mut conn) = place.connect_by_scram() {
        conn.batch("SELECT 1").unwrap();
        drop(conn);
        place.forget_who_came_by_scram();
    }
}

fn refused(place: &Place, reason: &str) {
    for output in [
        place.command().stderr(Stdio::piped()).output().unwrap(),
        place.manage_command(&["db_sync"]).output().unwrap(),
    ] {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains(reason), "{text}");
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
        "UPDATE images SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL;
        UPDATE image_properties SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL;
        UPDATE image_locations SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL",
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
fn ids_stay_retired_after_a_purge() {
    let place = Place::new();
    let registry = place.start();
    let id = registry.create(T1, json!({"properties": {"a": "1"}, "name": "old"}));
    registry.delete(T1, &format!("/images/{id}"));
    let again = |name: &str| {
        let image = json!({"image": {"id": id, "name": name, "status": "queued"}});
        registry.post(T1, "/images", &image)
    };
    assert_eq!(again("deleted").status, 409);
    let past = "SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL";
    place.execute(&format!(
        "UPDATE images {past}; UPDATE image_properties {past}"
    ));
    let (status, text) = place.manage(&["db_purge"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Deleted 1 row(s) from table images"),
        "{text}"
    );
    let answer = again("purged");
    assert_eq!(answer.status, 409, "{answer:?}");
    // Nothing of the refused image is left, and the daemon's others are not affected.
    assert_eq!(
        registry.get(ADMIN, "/images?is_public=None").names().len(),
        0
    );
    registry.create(T1, json!({"name": "new"}));
    drop(registry);
    // A later start knows it, too, and a second purge finds nothing to do.
    let registry = place.start();
    let image = json!({"image": {"id": id, "status": "queued"}});
    assert_eq!(registry.post(ADMIN, "/images", &image).status, 409);
    let (_, text) = place.manage(&["db_purge"]);
    assert!(
        text.contains("Deleted 0 row(s) from table images"),
        "{text}"
    );
}

#[test]
fn an_object_can_be_registered_again_after_a_purge() {
    let place = Place::new();
    let registry = place.start();
    let id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    let path = format!("/registrations/{id}");
    let object = json!({
        "register": true, "name": "a", "size": 7, "owner": "t1",
        "place": {"url": "pithos://t1/images/a", "metadata": {"pithos_uuid": id}},
    });
    assert_eq!(registry.put(ADMIN, &path, &object).status, 200);
    assert_eq!(registry.delete(ADMIN, &path).status, 204);
    let past = "SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL";
    place.execute(&format!(
        "UPDATE images {past}; UPDATE image_locations {past}"
    ));
    let (_, text) = place.manage(&["db_purge"]);
    assert!(
        text.contains("Deleted 1 row(s) from table images"),
        "{text}"
    );
    let image = json!({"image": {"id": id, "status": "queued"}});
    assert_eq!(registry.post(ADMIN, "/images", &image).status, 409);
    assert_eq!(registry.put(ADMIN, &path, &object).status, 200);
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

#[test]
fn sockets_and_certificates_lead_to_the_server() {
    let place = Place::new();
    let Some(url) = place.url().map(str::to_owned) else {
        return;
    };
    let postgres = url.starts_with("postgres");
    let kind = if postgres { "POSTGRES" } else { "MARIADB" };
    let variable = |name: &str| std::env::var(format!("{kind}_{name}")).ok();
    let (Some(own), Some(socket)) = (
        variable("CERTIFICATE"),
        variable(if postgres { "SOCKETS" } else { "SOCKET" }),
    ) else {
        panic!("scripts/services tells where the server's socket and certificate are");
    };
    let (who, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let port = server.rsplit_once(':').unwrap().1;
    let database = database.trim_end_matches('?');
    let other = place.path("other.pem");
    let somebody = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&other, somebody.cert.pem()).unwrap();
    let (by_socket, checked) = if postgres {
        (
            format!("{who}@:{port}/{database}?host={socket}"),
            format!("{url}sslmode=verify-full&sslrootcert="),
        )
    } else {
        (
            format!("{who}@localhost/{database}?unix_socket={socket}"),
            format!("{url}ssl_verify_identity=true&ssl_ca="),
        )
    };
    assert_eq!(Place::at(&by_socket).manage(&["db_sync"]).0, 0);
    let (status, text) = Place::at(&format!("{checked}{own}")).manage(&["db_sync"]);
    assert_eq!(status, 0, "{text}");
    let (status, text) = Place::at(&format!("{checked}{}", other.display())).manage(&["db_sync"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("certificate"), "{text}");
}
