//! `delayed_delete`: the data of a deleted image stays until its time has come.

use functional::{Setup, eventually};

#[test]
fn data_waits_for_scrub_time() {
    let mut cloud = Setup::new()
        .api("delayed_delete", "True")
        .api("scrub_time", "3600")
        .api("wakeup_time", "1")
        .start();
    let owner = cloud.newcomer();
    let id = owner.create("recoverable", b"12345");
    owner.delete(&id).expect(200);
    owner.show(&id).expect(404);
    assert_eq!(cloud.administrator().status(&id), "pending_delete");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(cloud.stored_files(), [cloud.data_directory().join(&id)]);

    cloud.take_api().stop();
    cloud.set_api("DEFAULT", "scrub_time", "0");
    cloud.start_api();
    eventually("the data is gone", 15, || cloud.stored_files().is_empty());
    eventually("it is deleted", 5, || {
        cloud.administrator().status(&id) == "deleted"
    });
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn what_has_no_data_is_deleted_at_once() {
    let cloud = Setup::new()
        .api("delayed_delete", "True")
        .api("scrub_time", "3600")
        .start();
    let owner = cloud.newcomer();
    let id = owner.reserve("empty");
    owner.delete(&id).expect(200);
    assert_eq!(cloud.administrator().status(&id), "deleted");
    cloud.stop();
}
