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
fn what_has_piled_up_is_scrubbed_without_a_pause() {
    let mut cloud = Setup::new()
        .api("delayed_delete", "True")
        .api("scrub_time", "3600")
        .api_in("DEFAULT", "lease_seconds", "600")
        .start();
    let owner = cloud.newcomer();
    for number in 0..100 {
        let id = owner.create(&format!("old {number}"), b"12345");
        owner.delete(&id).expect(200);
    }
    assert_eq!(cloud.stored_files().len(), 100);
    cloud.take_api().stop();
    cloud.set_api("DEFAULT", "scrub_time", "0");
    cloud.start_api();
    // The next look for images to scrub would be after 200 seconds.
    eventually("the data is gone", 60, || cloud.stored_files().is_empty());
    cloud.stop();
}

#[test]
fn data_whose_place_is_encrypted_stays_where_there_is_no_key() {
    let key = "0123456789abcdef";
    let mut cloud = Setup::new()
        .api("metadata_encryption_key", key)
        .api("scrub_time", "0")
        .api("lease_seconds", "3")
        .start();
    let owner = cloud.newcomer();
    let caller = owner.caller.clone();
    let ids = [owner.create("one", b"12345"), owner.create("two", b"12345")];
    cloud.take_api().stop();
    cloud.unset_api("DEFAULT", "metadata_encryption_key");
    cloud.set_api("DEFAULT", "delayed_delete", "True");
    cloud.start_api();
    let owner = cloud.images_of(&caller);
    owner.download(&ids[0]).expect(503);
    owner.delete(&ids[0]).expect(200);
    eventually("it is tried", 15, || {
        cloud.logs().contains("is not deleted yet")
    });
    assert_eq!(cloud.stored_files().len(), 2);
    assert_eq!(cloud.administrator().status(&ids[0]), "pending_delete");
    let logs = cloud.logs();
    assert!(logs.contains("there is no metadata_encryption_key here"));
    assert!(!logs.contains(key));

    cloud.take_api().stop();
    cloud.set_api("DEFAULT", "metadata_encryption_key", key);
    cloud.start_api();
    cloud.images_of(&caller).download(&ids[1]).expect(200);
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
