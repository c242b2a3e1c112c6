//! glance-manage: makes and upgrades the schema, as often as one likes.

use functional::{Cloud, Setup};

use crate::operator::{Outcome, clean_shell};

fn manage(cloud: &Cloud, command: &str) -> Outcome {
    let mut line = clean_shell("glance-manage");
    line.arg("--config-file")
        .arg(cloud.path("glance-registry.conf"));
    line.args(command.split_whitespace())
        .output()
        .unwrap()
        .into()
}

#[test]
fn every_spelling_of_a_command_is_understood() {
    let cloud = Setup::new().prepare();
    for command in [
        "db_sync",
        "db sync",
        "db_upgrade",
        "db upgrade",
        "db_version",
        "db version",
        "db_check",
        "db check",
    ] {
        let said = manage(&cloud, command).expect(0);
        assert!(
            command.contains("sync") || command.contains("upgrade") || !said.is_empty(),
            "{command}"
        );
    }
}

#[test]
fn a_new_database_is_told_from_a_current_one() {
    let cloud = Setup::new().prepare();
    manage(&cloud, "db_check").expect(0);
    cloud.database().empty();
    assert_ne!(manage(&cloud, "db_check").code, Some(0));
    manage(&cloud, "db_sync").expect(0);
    manage(&cloud, "db_check").expect(0);
}

#[test]
fn two_may_run_at_once() {
    let cloud = Setup::new().prepare();
    for _ in 0..5 {
        cloud.database().empty();
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| manage(&cloud, "db_sync")))
                .collect();
            for run in runs {
                run.join().unwrap().expect(0);
            }
        });
        manage(&cloud, "db_check").expect(0);
    }
}

#[test]
fn purging_removes_only_what_was_deleted_long_ago() {
    let mut cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let caller = owner.caller.clone();
    let kept = owner.create("kept", b"12345");
    let deleted = owner.create("deleted", b"12345");
    owner.delete(&deleted).expect(200);

    manage(&cloud, "db purge --age_in_days 30").expect(0);
    assert_eq!(cloud.every_image().len(), 2);
    manage(&cloud, "db purge --age_in_days 0 --max_rows 100").expect(0);
    let left = cloud.every_image();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], kept.as_str());
    cloud.take_registry().stop();
    cloud.start_registry();
    assert_eq!(
        cloud.images_of(&caller).download(&kept).expect(200).body,
        b"12345"
    );
    cloud.stop();
}

#[test]
fn wrong_usage_is_told_so() {
    let cloud = Setup::new().prepare();
    assert_ne!(manage(&cloud, "db_dance").code, Some(0));
    assert_ne!(manage(&cloud, "").code, Some(0));
    assert_ne!(manage(&cloud, "db purge --age_in_days -5").code, Some(0));
}
